// The adapter's part of a gradient: grad += kept * scale * (thin @ down), with grad and kept (T, width), thin (T, rank) and down
// (rank, width). A thread has V columns of TOKENS tokens at a time, so that each number of `down` it reads serves TOKENS sums.

constexpr int TOKENS = 8;

template <int V> struct alignas(V) Flags {
    unsigned char at[V];
};

template <int V>
__device__ inline void add(
    Element *grad, const Element *thin, const Element *down, const unsigned char *kept, Size tokens, Size width,
    int rank, float scale) {
    extern __shared__ float factors[];  // (rank, TOKENS)
    Size first = static_cast<Size>(blockIdx.x) * TOKENS;
    for (int i = threadIdx.x; i < rank * TOKENS; i += blockDim.x) {
        Size token = first + i % TOKENS;
        factors[i] = token < tokens ? widen(thin[token * rank + i / TOKENS]) * scale : 0.f;
    }
    __syncthreads();
    for (Size column = threadIdx.x * V; column < width; column += blockDim.x * V) {
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
#pragma unroll
        for (int t = 0; t < TOKENS; t++)
            if (first + t < tokens) {
                Size place = (first + t) * width + column;
                Pack<V> pack = load<V>(grad + place);
                Flags<V> flags = *reinterpret_cast<const Flags<V> *>(kept + place);
#pragma unroll
                for (int v = 0; v < V; v++)
                    pack.at[v] = narrow(widen(pack.at[v]) + (flags.at[v] ? sums[t][v] : 0.f));
                store<V>(grad + place, pack);
            }
    }
}

#define ADD(name, V)                                                                                                   \
    extern "C" __global__ void name(                                                                                   \
        Element *grad, const Element *thin, const Element *down, const unsigned char *kept, Size tokens, Size width,   \
        int rank, float scale) {                                                                                       \
        add<V>(grad, thin, down, kept, tokens, width, rank, scale);                                                    \
    }
ADD(add_kept_packs, WIDE)
ADD(add_kept_singles, 1)
