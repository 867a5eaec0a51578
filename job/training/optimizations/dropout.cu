// Dropout's mask as bits, an eighth of PyTorch's one byte an element: bit i % 8 of byte i / 8 is that of the flat place i.

constexpr int FLAGS = 16;  // bytes of a mask, one load

struct alignas(FLAGS) Flags {
    unsigned at[FLAGS / 4];
};

// Each thread has 16 flags, of 0 or 1, and the two bytes that they give; the last one what is left.
extern "C" __global__ void kept_bits(const unsigned char *kept, unsigned char *bits, Size count) {
    Size place = (static_cast<Size>(blockIdx.x) * blockDim.x + threadIdx.x) * FLAGS;
    if (place + FLAGS <= count) {
        Flags flags = *reinterpret_cast<const Flags *>(kept + place);
        unsigned packed = 0;
#pragma unroll
        for (int i = 0; i < FLAGS / 4; i++)  // the product's highest 4 bits are the 4 flags, the first lowest, without carries
            packed |= (flags.at[i] * 0x10204080u >> 28) << 4 * i;
        *reinterpret_cast<unsigned short *>(bits + place / 8) = packed;
    } else
        for (; place < count; place += 8) {
            unsigned packed = 0;
            for (int i = 0; i < 8 && place + i < count; i++)
                packed |= kept[place + i] << i;
            bits[place / 8] = packed;
        }
}

// The bits of V neighbours, the first lowest, where `place` is a multiple of V: they lie in one byte.
template <int V> __device__ inline unsigned bits_of(const unsigned char *bits, Size place) {
    unsigned byte = bits[place >> 3];
    return V == 8 ? byte : byte >> (place & 7);
}

// As PyTorch's operator, to the bit: one product in float32, rounded once; what is dropped keeps its sign.
template <int V> __device__ inline void mask(const Element *from, unsigned kept, Element *to, float scale) {
    Pack<V> pack = load<V>(from);
#pragma unroll
    for (int v = 0; v < V; v++)
        pack.at[v] = narrow(widen(pack.at[v]) * (kept >> v & 1 ? scale : 0.f));
    store<V>(to, pack);
}

extern "C" __global__ void drop(const Element *from, const unsigned char *bits, Element *to, Size count, float scale) {
    Size i = (static_cast<Size>(blockIdx.x) * blockDim.x + threadIdx.x) * WIDE;
    if (i + WIDE <= count)
        mask<WIDE>(from + i, bits_of<WIDE>(bits, i), to + i, scale);
    else
        for (; i < count; i++)
            mask<1>(from + i, bits_of<1>(bits, i), to + i, scale);
}

// The adapter's part of a gradient: grad += kept * scale * (thin @ down), with grad (T, width) and its bits, thin (T, rank) and
// down (rank, width). A thread has V columns of TOKENS tokens, so that each number of `down` it reads serves TOKENS sums. Blocks
// of the same columns follow one another: what they read of `down` stays in the first-level cache.

constexpr int TOKENS = 8;
constexpr int COLUMNS_BLOCK = 128;  // threads; four such blocks on a multiprocessor leave each of them 128 registers

template <int V>
__device__ inline void add(
    Element *grad, const Element *thin, const Element *down, const unsigned char *bits, Size tokens, Size width, int rank,
    float scale) {
    alignas(16) extern __shared__ float factors[];  // (rank, TOKENS)
    unsigned groups = (tokens + TOKENS - 1) / TOKENS;
    Size first = static_cast<Size>(blockIdx.x % groups) * TOKENS;
    Size column = (static_cast<Size>(blockIdx.x / groups) * blockDim.x + threadIdx.x) * V;
    for (int i = threadIdx.x; i < rank * TOKENS; i += blockDim.x) {
        Size token = first + i % TOKENS;
        factors[i] = token < tokens ? widen(thin[token * rank + i / TOKENS]) * scale : 0.f;
    }
    __syncthreads();
    if (column >= width)
        return;
    float sums[TOKENS][V] = {};
#pragma unroll 4
    for (int r = 0; r < rank; r++) {
        Pack<V> row = load<V>(down + r * width + column);
        float wide[V];
#pragma unroll
        for (int v = 0; v < V; v++)
            wide[v] = widen(row.at[v]);
#pragma unroll
        for (int t = 0; t < TOKENS; t++) {
            float factor = factors[r * TOKENS + t];
#pragma unroll
            for (int v = 0; v < V; v++)
                sums[t][v] += factor * wide[v];
        }
    }
    Pack<V> packs[TOKENS];  // all read before one is written: the compiler, which knows no width, would wait for each
    unsigned kept[TOKENS];
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
        Size place = (first + t < tokens ? first + t : first) * width + column;
        packs[t] = load<V>(grad + place);
        kept[t] = bits_of<V>(bits, place);
    }
#pragma unroll
    for (int t = 0; t < TOKENS; t++)
        if (first + t < tokens) {
#pragma unroll
            for (int v = 0; v < V; v++)
                packs[t].at[v] = narrow(widen(packs[t].at[v]) + (kept[t] >> v & 1 ? sums[t][v] : 0.f));
            store<V>(grad + (first + t) * width + column, packs[t]);
        }
}

#define ADD(name, V)                                                                                                   \
    extern "C" __global__ void __launch_bounds__(COLUMNS_BLOCK, 4) name(                                               \
        Element *grad, const Element *thin, const Element *down, const unsigned char *bits, Size tokens, Size width,   \
        int rank, float scale) {                                                                                       \
        add<V>(grad, thin, down, bits, tokens, width, rank, scale);                                                    \
    }
ADD(add_kept_packs, WIDE)
ADD(add_kept_singles, 1)
