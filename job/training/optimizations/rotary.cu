// Rotary embedding of queries and keys: channel j and channel j + width / 2 of a head turn together. A block has one token; each
// of its threads turns packs of such pairs, and writes where it has read or elsewhere. Backward is the transposed turn.

struct Heads {
    const Element *from;
    Element *to;
    Size from_row, from_head, from_token, to_row, to_head, to_token;  // strides
    Size count;
};

template <int V>
__device__ inline void turn(
    Heads queries, Heads keys, const Element *cosine, const Element *sine, Size angle_row, Size angle_token,
    Size tokens, int half, int back) {
    Size row = blockIdx.x / tokens, token = blockIdx.x % tokens;
    Size angle = row * angle_row + token * angle_token;
    int packs = half / V, all = (queries.count + keys.count) * packs;
    for (int i = threadIdx.x; i < all; i += blockDim.x) {
        int head = i / packs, j = i % packs * V;
        bool query = head < queries.count;
        const Heads &heads = query ? queries : keys;
        head -= query ? 0 : queries.count;
        const Element *from = heads.from + row * heads.from_row + head * heads.from_head + token * heads.from_token + j;
        Element *to = heads.to + row * heads.to_row + head * heads.to_head + token * heads.to_token + j;
        Pack<V> low = load<V>(from), high = load<V>(from + half);
        Pack<V> low_cosine = load<V>(cosine + angle + j), high_cosine = load<V>(cosine + angle + half + j);
        Pack<V> low_sine = load<V>(sine + angle + j), high_sine = load<V>(sine + angle + half + j);
#pragma unroll
        for (int v = 0; v < V; v++) {
            float x = widen(low.at[v]), y = widen(high.at[v]);
            float s = widen(low_sine.at[v]), t = widen(high_sine.at[v]);
            low.at[v] = narrow(x * widen(low_cosine.at[v]) + y * (back ? t : -s));
            high.at[v] = narrow(y * widen(high_cosine.at[v]) + x * (back ? -s : t));
        }
        store<V>(to, low);
        store<V>(to + half, high);
    }
}

#define TURN(name, V)                                                                                                  \
    extern "C" __global__ void name(                                                                                   \
        Heads queries, Heads keys, const Element *cosine, const Element *sine, Size angle_row, Size angle_token,       \
        Size tokens, int half, int back) {                                                                             \
        turn<V>(queries, keys, cosine, sine, angle_row, angle_token, tokens, half, back);                              \
    }
TURN(turn_packs, WIDE)
TURN(turn_singles, 1)
