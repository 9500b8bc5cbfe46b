// The tables of factors.

#include "tests/conformance/attention_factors.h"

namespace jitattn {
namespace {

using D = AttentionDraft;

// Many tiles and blocks in few queries and keys.
constexpr char kSmallTiles[] =
    "algorithm=tiles q_vecs=1 qk_vecs=1 qk_keys=4 pv=natural pv_vecs=1 kv_block=32 task_tiles=4";

template <int32_t kOption>
void With(D& d) {
  d.problem.options |= kOption;
}

template <int64_t kQk, int64_t kValue>
void Dims(D& d) {
  d.problem.head_dim = kQk, d.problem.value_dim = kValue;
}

void Window(D& d, int64_t left, int64_t right) {
  d.problem.mask = JITATTN_MASK_WINDOW;
  d.problem.window_left = left, d.problem.window_right = right;
}

void Causal(D& d, OffsetIs offset, int64_t chunk) {
  d.problem.mask = JITATTN_MASK_CAUSAL;
  d.problem.chunk = chunk;
  d.offset = offset;
}

void SharedBias(D& d, bool batch, bool head, bool row) {
  d.bias_of_batch = !batch, d.bias_of_head = !head, d.bias_of_row = !row;
}

const Factor kFactors[] = {
    {"type",
     {{"f32", [](D& d) { d.problem.dtype = JITATTN_F32; }},
      {"f64", [](D& d) { d.problem.dtype = JITATTN_F64; }},
      {"bf16", [](D& d) { d.problem.dtype = JITATTN_BF16; }},
      {"f16", [](D& d) { d.problem.dtype = JITATTN_F16; }}}},
    {"layout",
     {{"heads", [](D& d) { d.layout = LayoutIs::kHeads; }},
      {"columns", [](D& d) { d.layout = LayoutIs::kColumns; }},
      {"any", [](D& d) { d.layout = LayoutIs::kAny; }},
      {"one_kv_head", [](D& d) { d.layout = LayoutIs::kOneKvHead; }}}},
    {"mask",
     {{"none", [](D&) {}},
      {"causal", [](D& d) { Causal(d, OffsetIs::kBottomRight, 0); }},
      {"top_left", [](D& d) { Causal(d, OffsetIs::kTopLeft, 0); }},
      {"far_left", [](D& d) { Causal(d, OffsetIs::kFarLeft, 0); }},
      {"chunks", [](D& d) { Causal(d, OffsetIs::kBottomRight, 16); }},
      {"window", [](D& d) { Window(d, 20, 3); }},
      {"window_behind", [](D& d) { Window(d, 5, 0); }},
      {"window_ahead", [](D& d) { Window(d, 0, -1); }},
      {"window_of_all", [](D& d) { Window(d, -1, -1); }}}},
    {"bias",
     {{"none", [](D&) {}},
      {"f32", [](D& d) { d.problem.bias = JITATTN_BIAS_F32; }},
      {"own", [](D& d) { d.problem.bias = JITATTN_BIAS_OWN; }},
      {"bool", [](D& d) { d.problem.bias = JITATTN_BIAS_BOOL; }}}},
    {"one_bias_for",
     {{"one", [](D&) {}},
      {"batch", [](D& d) { SharedBias(d, true, false, false); }},
      {"heads", [](D& d) { SharedBias(d, false, true, false); }},
      {"rows", [](D& d) { SharedBias(d, false, true, true); }},
      {"all", [](D& d) { SharedBias(d, true, true, true); }}}},
    {"bias_hides",
     {{"nothing", [](D&) {}},
      {"keys", [](D& d) { d.hides = BiasHides::kKeys; }},
      {"runs", [](D& d) { d.hides = BiasHides::kRuns; }},
      {"tail", [](D& d) { d.hides = BiasHides::kTail; }},
      {"rows", [](D& d) { d.hides = BiasHides::kRows; }},
      {"lowest", [](D& d) { d.hides = BiasHides::kLowest; }}}},
    {"softcap",
     {{"no", [](D&) {}},
      {"0.5", [](D& d) { With<JITATTN_SOFTCAP>(d), d.softcap = 0.5; }},
      {"50", [](D& d) { With<JITATTN_SOFTCAP>(d), d.softcap = 50; }}}},
    {"alibi", {{"no", [](D&) {}}, {"yes", With<JITATTN_ALIBI>}}},
    {"sinks", {{"no", [](D&) {}}, {"yes", With<JITATTN_SINKS>}}},
    {"lse", {{"no", [](D&) {}}, {"yes", With<JITATTN_LSE>}}},
    {"out_gate", {{"no", [](D&) {}}, {"yes", With<JITATTN_OUT_GATE>}}},
    {"bf16_math", {{"no", [](D&) {}}, {"yes", With<JITATTN_BF16_MATH>}}},
    {"short_bias", {{"no", [](D&) {}}, {"yes", [](D& d) { d.has_short_bias = true; }}}},
    {"kv_type",
     {{"own", [](D&) {}},
      {"f32", [](D& d) { d.problem.kv_type = JITATTN_KV_F32; }},
      {"bf16", [](D& d) { d.problem.kv_type = JITATTN_KV_BF16; }},
      {"f16", [](D& d) { d.problem.kv_type = JITATTN_KV_F16; }},
      {"i8", [](D& d) { d.problem.kv_type = JITATTN_KV_I8; }},
      {"i8_blocks", [](D& d) { d.problem.kv_type = JITATTN_KV_I8, d.problem.kv_scale_block = 32; }},
      {"q8_0", [](D& d) { d.problem.kv_type = JITATTN_KV_Q8_0; }}}},
    {"page_size",
     {{"0", [](D&) {}},
      {"1", [](D& d) { d.problem.page_size = 1; }},
      {"16", [](D& d) { d.problem.page_size = 16; }},
      {"23", [](D& d) { d.problem.page_size = 23; }}}},
    {"elements", {{"adjacent", [](D&) {}}, {"apart", [](D& d) { d.is_spread = true; }}}},
    {"scale",
     {{"usual", [](D&) {}},
      {"negative", [](D& d) { d.scale = -0.2; }},
      {"one", [](D& d) { d.scale = 1; }}}},
    {"spread", {{"1", [](D&) {}}, {"8", [](D& d) { d.sigma = 8; }}}},
    {"dims",
     {{"1", Dims<1, 1>},
      {"15", Dims<15, 15>},
      {"64", Dims<64, 64>},
      {"72", Dims<72, 72>},
      {"128", Dims<128, 128>},
      {"40/65", Dims<40, 65>},
      {"192/128", Dims<192, 128>},
      {"576/512", Dims<576, 512>}}},
    {"heads_of_kv",
     {{"1", [](D&) {}},
      {"5", [](D& d) { d.problem.heads = 5; }},
      {"7", [](D& d) { d.problem.heads = 7; }},
      {"71", [](D& d) { d.problem.heads = 71; }}}},
    {"kv_heads", {{"1", [](D&) {}}, {"3", [](D& d) { d.problem.kv_heads = 3; }}}},
    {"batch", {{"1", [](D&) {}}, {"3", [](D& d) { d.problem.batch = 3; }}}},
    {"queries",
     {{"1", [](D& d) { d.problem.q_len = 1; }},
      {"7", [](D& d) { d.problem.q_len = 7; }},
      {"33", [](D& d) { d.problem.q_len = 33; }},
      {"130", [](D& d) { d.problem.q_len = 130; }}}},
    {"keys",
     {{"1", [](D& d) { d.problem.kv_len = 1; }},
      {"7", [](D& d) { d.problem.kv_len = 7; }},
      {"33", [](D& d) { d.problem.kv_len = 33; }},
      {"130", [](D& d) { d.problem.kv_len = 130; }},
      {"400", [](D& d) { d.problem.kv_len = 400; }}}},
    {"lengths",
     {{"uniform", [](D&) {}},
      {"shorter", [](D& d) { d.lengths = LengthsAre::kShorter; }},
      {"kv_lens", [](D& d) { d.lengths = LengthsAre::kKvLens; }},
      {"both_lens", [](D& d) { d.lengths = LengthsAre::kBothLens; }},
      {"ragged", [](D& d) { d.lengths = LengthsAre::kRagged; }},
      {"ragged_q", [](D& d) { d.lengths = LengthsAre::kRaggedQ; }},
      {"left_padded", [](D& d) { d.lengths = LengthsAre::kLeftPadded; }},
      {"offsets", [](D& d) { d.lengths = LengthsAre::kOffsets; }},
      {"prefixes", [](D& d) { d.lengths = LengthsAre::kPrefixes; }}}},
    {"config",
     {{"default", [](D&) {}},
      {"one_shot", [](D& d) { d.is_one_shot = true; }},
      {"tiles", [](D& d) { d.config = "algorithm=tiles"; }},
      {"small_tiles", [](D& d) { d.config = kSmallTiles; }},
      {"tiles_avx2", [](D& d) { d.config = "algorithm=tiles isa=avx2"; }},
      {"rows", [](D& d) { d.config = "algorithm=rows"; }},
      {"rows_in_parts", [](D& d) { d.config = "algorithm=rows kv_block=32 kv_split=1"; }},
      {"rows_avx2", [](D& d) { d.config = "algorithm=rows isa=avx2"; }},
      {"portable", [](D& d) { d.config = "isa=none"; }}}},
    {"threads", {{"1", [](D&) {}}, {"2", [](D& d) { d.threads = 2; }}}},
    {"memory", {{"at_end", [](D&) {}}, {"at_front", [](D& d) { d.at_front = true; }}}},
};

constexpr Excluded kExcluded[] = {
    {"mask", "none", "lengths", "prefixes"},
    {"mask", "window", "lengths", "prefixes"},
    {"mask", "window_behind", "lengths", "prefixes"},
    {"mask", "window_ahead", "lengths", "prefixes"},
    {"mask", "window_of_all", "lengths", "prefixes"},
    {"bias", "none", "short_bias", "yes"},
    {"type", "f64", "bf16_math", "yes"},
    {"type", "bf16", "bf16_math", "yes"},
    {"type", "f16", "bf16_math", "yes"},
    {"type", "f64", "kv_type", "f32"},
    {"type", "f64", "kv_type", "bf16"},
    {"type", "f64", "kv_type", "f16"},
    {"type", "f64", "kv_type", "i8"},
    {"type", "f64", "kv_type", "i8_blocks"},
    {"type", "f64", "kv_type", "q8_0"},
    {"kv_type", "q8_0", "dims", "1"},
    {"kv_type", "q8_0", "dims", "15"},
    {"kv_type", "q8_0", "dims", "72"},
    {"kv_type", "q8_0", "dims", "40/65"},
    {"kv_type", "q8_0", "elements", "apart"},
    {"page_size", "1", "lengths", "ragged"},
    {"page_size", "16", "lengths", "ragged"},
    {"page_size", "23", "lengths", "ragged"},
    {"page_size", "1", "elements", "apart"},
    {"page_size", "16", "elements", "apart"},
    {"page_size", "23", "elements", "apart"},
};

// ---- PyTorch ----------------------------------------------------------------------------------

// Masks broadcast along any axis: [1 or batch][1 or heads][1 or queries][1 or keys]. In training
// the log-sum-exp is a result, too.
const Factor kTorch[] = {
    {"type",
     {{"float32", [](D& d) { d.problem.dtype = JITATTN_F32; }},
      {"float64", [](D& d) { d.problem.dtype = JITATTN_F64; }},
      {"bfloat16", [](D& d) { d.problem.dtype = JITATTN_BF16; }},
      {"float16", [](D& d) { d.problem.dtype = JITATTN_F16; }}}},
    {"batch_size",
     {{"2", [](D& d) { d.problem.batch = 2; }}, {"12", [](D& d) { d.problem.batch = 12; }}}},
    {"q_seq_len",
     {{"1", [](D& d) { d.problem.q_len = 1; }},
      {"2", [](D& d) { d.problem.q_len = 2; }},
      {"11", [](D& d) { d.problem.q_len = 11; }},
      {"267", [](D& d) { d.problem.q_len = 267; }},
      {"514", [](D& d) { d.problem.q_len = 514; }},
      {"1030", [](D& d) { d.problem.q_len = 1030; }}}},
    {"kv_seq_len",
     {{"1", [](D& d) { d.problem.kv_len = 1; }},
      {"2", [](D& d) { d.problem.kv_len = 2; }},
      {"17", [](D& d) { d.problem.kv_len = 17; }},
      {"267", [](D& d) { d.problem.kv_len = 267; }},
      {"514", [](D& d) { d.problem.kv_len = 514; }},
      {"1030", [](D& d) { d.problem.kv_len = 1030; }}}},
    {"n_head", {{"1", [](D&) {}}, {"3", [](D& d) { d.problem.kv_heads = 3; }}}},
    {"enable_gqa", {{"False", [](D&) {}}, {"True", [](D& d) { d.problem.heads = 4; }}}},
    {"head_dim", {{"8", Dims<8, 8>}, {"16", Dims<16, 16>}}},
    {"transposed", {{"False", [](D&) {}}, {"True", [](D& d) { d.layout = LayoutIs::kColumns; }}}},
    {"is_causal", {{"False", [](D&) {}}, {"True", [](D& d) { Causal(d, OffsetIs::kTopLeft, 0); }}}},
    {"attn_mask",
     {{"None", [](D&) {}},
      {"bool", [](D& d) { d.problem.bias = JITATTN_BIAS_BOOL, d.hides = BiasHides::kKeys; }},
      {"bool_with_empty_rows",
       [](D& d) { d.problem.bias = JITATTN_BIAS_BOOL, d.hides = BiasHides::kRows; }},
      {"dtype", [](D& d) { d.problem.bias = JITATTN_BIAS_OWN; }},
      {"dtype_with_inf",
       [](D& d) { d.problem.bias = JITATTN_BIAS_OWN, d.hides = BiasHides::kKeys; }},
      {"dtype_with_empty_rows",
       [](D& d) { d.problem.bias = JITATTN_BIAS_OWN, d.hides = BiasHides::kRows; }},
      {"dtype_with_lowest",
       [](D& d) { d.problem.bias = JITATTN_BIAS_OWN, d.hides = BiasHides::kLowest; }}}},
    {"mask_of_batch", {{"True", [](D&) {}}, {"False", [](D& d) { d.bias_of_batch = false; }}}},
    {"mask_of_head", {{"True", [](D&) {}}, {"False", [](D& d) { d.bias_of_head = false; }}}},
    {"mask_of_query", {{"True", [](D&) {}}, {"False", [](D& d) { d.bias_of_row = false; }}}},
    {"mask_of_key", {{"True", [](D&) {}}, {"False", [](D& d) { d.bias_of_key = false; }}}},
    {"scale", {{"None", [](D&) {}}, {"negative", [](D& d) { d.scale = -0.5; }}}},
    {"train", {{"False", [](D&) {}}, {"True", With<JITATTN_LSE>}}},
};
// PyTorch refuses a mask beside is_causal.
constexpr Excluded kTorchExcluded[] = {
    {"is_causal", "True", "attn_mask", "bool"},
    {"is_causal", "True", "attn_mask", "bool_with_empty_rows"},
    {"is_causal", "True", "attn_mask", "dtype"},
    {"is_causal", "True", "attn_mask", "dtype_with_inf"},
    {"is_causal", "True", "attn_mask", "dtype_with_empty_rows"},
    {"is_causal", "True", "attn_mask", "dtype_with_lowest"},
};

}  // namespace

const FactorTable kAttentionFactors = {kFactors, kExcluded, 6000000};
const FactorTable kTorchFactors = {kTorch, kTorchExcluded, 40000000};

}  // namespace jitattn
