// What all kernels here begin with: numbers of 16 or 32 bits, read and written 16 bytes at a time, computed in float32.
// No header of CUDA's: the image has none. NVRTC gets -DFLOAT16, -DBFLOAT16 or -DFLOAT32.

#if defined(FLOAT32)
typedef float Element;
__device__ inline float widen(Element x) { return x; }
__device__ inline Element narrow(float x) { return x; }
#elif defined(FLOAT16)
typedef unsigned short Element;
__device__ inline float widen(Element x) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x));
    return wide;
}
__device__ inline Element narrow(float x) {
    Element narrowed;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(narrowed) : "f"(x));
    return narrowed;
}
#elif defined(BFLOAT16)
typedef unsigned short Element;
__device__ inline float widen(Element x) { return __uint_as_float(static_cast<unsigned>(x) << 16); }
__device__ inline Element narrow(float x) {  // from compute capability 8.0
    Element narrowed;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(narrowed) : "f"(x));
    return narrowed;
}
#endif

typedef long long Size;
constexpr int WIDE = 16 / sizeof(Element);

// V neighbours, one load or store where the address is a multiple of their size.
template <int V> struct alignas(V * sizeof(Element)) Pack {
    Element at[V];
};
template <int V> __device__ inline Pack<V> load(const Element *from) {
    return *reinterpret_cast<const Pack<V> *>(from);
}
template <int V> __device__ inline void store(Element *to, const Pack<V> &pack) {
    *reinterpret_cast<Pack<V> *>(to) = pack;
}
