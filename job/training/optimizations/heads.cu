// Keys and values repeated for each head of their group of queries, and the gradients of a group summed up, for an attention that
// knows no groups. Both tensors in one launch: the first `count` packs are of keys, the others of values.

// From (T, heads, width) of any strides but that of the width, to (T, heads, groups, width).
template <int V>
__device__ inline void repeat(
    const Element *keys, const Element *values, Element *many_keys, Element *many_values, Size key_token, Size key_head,
    Size value_token, Size value_head, Size count, int heads, int packs, int groups) {
    Size i = static_cast<Size>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= 2 * count)
        return;
    bool key = i < count;
    i -= key ? 0 : count;
    Size place = i / packs, j = i % packs * V, width = static_cast<Size>(packs) * V;
    Size token = place / heads, head = place % heads;
    Pack<V> pack = load<V>((key ? keys + token * key_token + head * key_head : values + token * value_token + head * value_head) + j);
    Element *to = (key ? many_keys : many_values) + place * groups * width + j;
    for (int group = 0; group < groups; group++)
        store<V>(to + group * width, pack);
}

// From (T, heads, groups, width) to (T, heads, width).
template <int V>
__device__ inline void sum(
    const Element *many_keys, const Element *many_values, Element *keys, Element *values, Size count, int packs,
    int groups) {
    Size i = static_cast<Size>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= 2 * count)
        return;
    bool key = i < count;
    i -= key ? 0 : count;
    Size place = i / packs, j = i % packs * V, width = static_cast<Size>(packs) * V;
    const Element *from = (key ? many_keys : many_values) + place * groups * width + j;
    float sums[V] = {};
    for (int group = 0; group < groups; group++) {
        Pack<V> pack = load<V>(from + group * width);
#pragma unroll
        for (int v = 0; v < V; v++)
            sums[v] += widen(pack.at[v]);
    }
    Pack<V> pack;
#pragma unroll
    for (int v = 0; v < V; v++)
        pack.at[v] = narrow(sums[v]);
    store<V>((key ? keys : values) + i * V, pack);
}

#define HEADS(suffix, V)                                                                                               \
    extern "C" __global__ void repeat_##suffix(                                                                        \
        const Element *keys, const Element *values, Element *many_keys, Element *many_values, Size key_token,          \
        Size key_head, Size value_token, Size value_head, Size count, int heads, int packs, int groups) {              \
        repeat<V>(                                                                                                     \
            keys, values, many_keys, many_values, key_token, key_head, value_token, value_head, count, heads, packs,   \
            groups);                                                                                                   \
    }                                                                                                                  \
    extern "C" __global__ void sum_##suffix(                                                                           \
        const Element *many_keys, const Element *many_values, Element *keys, Element *values, Size count, int packs,   \
        int groups) {                                                                                                  \
        sum<V>(many_keys, many_values, keys, values, count, packs, groups);                                            \
    }
HEADS(packs, WIDE)
HEADS(singles, 1)
