// NF4 to numbers: two codes a byte, the first in its high half, and a scale for each 2^shift numbers. A thread has PIECES packs, a
// block apart, and reads all of them before it writes the first.

constexpr int PIECES = 4;

__constant__ float NF4[16] = {
    -1.f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.f};

struct alignas(WIDE / 2) Codes {
    unsigned char at[WIDE / 2];
};

extern "C" __global__ void dequantize(const Codes *codes, const float *scales, Element *out, Size packs, int shift) {
    __shared__ float values[16];  // 16 banks: no two lanes ever wait for each other
    if (threadIdx.x < 16)
        values[threadIdx.x] = NF4[threadIdx.x];
    __syncthreads();
    Size first = static_cast<Size>(blockIdx.x) * blockDim.x * PIECES + threadIdx.x;
    Codes read[PIECES];
    float scale[PIECES];
#pragma unroll
    for (int p = 0; p < PIECES; p++) {
        Size i = first + p * static_cast<Size>(blockDim.x);
        if (i < packs) {
            read[p] = codes[i];
            scale[p] = scales[i * WIDE >> shift];
        }
    }
#pragma unroll
    for (int p = 0; p < PIECES; p++) {
        Size i = first + p * static_cast<Size>(blockDim.x);
        if (i < packs) {
            Pack<WIDE> pack;
#pragma unroll
            for (int v = 0; v < WIDE / 2; v++) {
                pack.at[2 * v] = narrow(values[read[p].at[v] >> 4] * scale[p]);
                pack.at[2 * v + 1] = narrow(values[read[p].at[v] & 15] * scale[p]);
            }
            store<WIDE>(out + i * WIDE, pack);
        }
    }
}
