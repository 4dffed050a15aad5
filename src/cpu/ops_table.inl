// The function table of one instruction set; included last.
static constexpr OpsKernels kOpsKernels{
    .rms_norm = rms_norm,
    .rotate = rotate,
    .silu_glu = silu_glu,
    .gelu_tanh_glu = gelu_tanh_glu,
    .softcap = softcap,
    .scale = scale,
    .add_scaled = add_scaled,
    .to_half = to_half,
    .to_q8 = to_q8,
    .attention_chunk_f32 = attention_chunk<float>,
    .attention_chunk_f16 = attention_chunk<uint16_t>,
    .attention_chunk_q8 = attention_chunk<signed char>,
    .attention_merge = attention_merge,
};
