// oneDNN 3: attention as a graph that its compiler may fuse (matmul, scale, mask, softmax, matmul),
// sigmoid-mul as its swish primitive.

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <oneapi/dnnl/dnnl_graph.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "bench/peers/peer.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::bench {
namespace {

namespace graph = dnnl::graph;
using Tensor = graph::logical_tensor;

// Sets OpenMP's number of threads, which oneDNN uses, and restores the old number for the other
// methods.
class OmpThreads {
 public:
  explicit OmpThreads(int threads) { omp_set_num_threads(threads); }
  ~OmpThreads() {
    omp_set_num_threads(before_);
    omp_set_dynamic(dynamic_);
  }
  OmpThreads(const OmpThreads&) = delete;
  OmpThreads& operator=(const OmpThreads&) = delete;

 private:
  const int before_ = omp_get_max_threads(), dynamic_ = omp_get_dynamic();
};

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

Tensor::data_type TypeOf(DType dtype) {
  if (dtype == DType::kBF16) return Tensor::data_type::bf16;
  return dtype == DType::kF16 ? Tensor::data_type::f16 : Tensor::data_type::f32;
}

// Converts values to elements of a type.
template <typename T>
void Encode(const std::vector<float>& values, std::vector<char>* bytes) {
  bytes->resize(values.size() * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    const T value(values[i]);
    std::memcpy(bytes->data() + i * sizeof(T), &value, sizeof(T));
  }
}
std::vector<char> Encode(DType dtype, const std::vector<float>& values) {
  std::vector<char> bytes;
  if (dtype == DType::kBF16) {
    Encode<BFloat16>(values, &bytes);
  } else if (dtype == DType::kF16) {
    Encode<Float16>(values, &bytes);
  } else {
    Encode<float>(values, &bytes);
  }
  return bytes;
}

class OneDnnAttention {
 public:
  // Throws dnnl::error where the graph is refused.
  explicit OneDnnAttention(const PeerTask& task) : stream_(Engine()), threads_(task.threads) {
    const OmpThreads scope(threads_);  // the compiled code depends on the number of threads
    const auto& p = task.problem.As<ops::AttentionProblem>();
    const auto& args = task.args.As<jitattn_attention_args>();
    dtype_ = p.dtype;
    // Heads that share keys and values become a dimension over which keys and values are broadcast.
    const int64_t group = p.heads / p.kv_heads;
    auto shape = [&](int64_t shared, int64_t rows, int64_t size) {
      return group == 1 ? std::vector<int64_t>{p.batch, p.heads, rows, size}
                        : std::vector<int64_t>{p.batch, p.kv_heads, shared, rows, size};
    };
    const Tensor q = Make(shape(group, p.q_len, p.head_dim));
    const Tensor k = Make(shape(1, p.kv_len, p.head_dim));
    const Tensor v = Make(shape(1, p.kv_len, p.value_dim));
    const Tensor out = Make(shape(group, p.q_len, p.value_dim));
    const std::vector<int64_t> square = shape(group, p.q_len, p.kv_len);
    const Tensor raw = Make(square), scaled = Make(square), masked = Make(square);
    const Tensor probabilities = Make(square), divisor = Make({1});
    const bool causal = p.mask == jit::Mask::kCausal;
    std::vector<int64_t> mask_shape(square.size(), 1);
    std::copy(square.end() - 2, square.end(), mask_shape.end() - 2);
    const Tensor mask = Make(mask_shape);

    graph::graph g(dnnl::engine::kind::cpu);
    graph::op qk(0, graph::op::kind::MatMul, {q, k}, {raw}, "qk");
    qk.set_attr<bool>(graph::op::attr::transpose_b, true);
    graph::op scale(1, graph::op::kind::Divide, {raw, divisor}, {scaled}, "scale");
    graph::op add(2, graph::op::kind::Add, {scaled, mask}, {masked}, "mask");
    graph::op softmax(3, graph::op::kind::SoftMax, {causal ? masked : scaled}, {probabilities},
                      "softmax");
    softmax.set_attr<int64_t>(graph::op::attr::axis, -1);
    graph::op pv(4, graph::op::kind::MatMul, {probabilities, v}, {out}, "pv");
    g.add_op(qk);
    g.add_op(scale);
    if (causal) g.add_op(add);
    g.add_op(softmax);
    g.add_op(pv);
    g.finalize();

    divisor_ = Encode(dtype_, {static_cast<float>(1 / args.scale)});
    if (causal) mask_ = Encode(dtype_, MaskOf(p));
    Bind(q, const_cast<void*>(args.q));
    Bind(k, const_cast<void*>(args.k));
    Bind(v, const_cast<void*>(args.v));
    Bind(out, args.out);
    Bind(divisor, divisor_.data());
    Bind(mask, mask_.data());
    for (const graph::partition& partition : g.get_partitions()) Compile(partition);
  }

  void Run() {
    const OmpThreads scope(threads_);
    for (auto& [partition, inputs, outputs] : steps_) partition.execute(stream_, inputs, outputs);
    stream_.wait();
  }

 private:
  struct Step {
    graph::compiled_partition partition;
    std::vector<graph::tensor> inputs, outputs;
  };

  Tensor Make(const std::vector<int64_t>& shape) {
    return Tensor(next_id_++, TypeOf(dtype_), shape, Tensor::layout_type::strided);
  }

  void Bind(const Tensor& tensor, void* data) { bound_.emplace_back(tensor.get_id(), data); }

  static std::vector<float> MaskOf(const ops::AttentionProblem& p) {
    std::vector<float> mask;
    for (int64_t i = 0; i < p.q_len; ++i) {
      for (int64_t j = 0; j < p.kv_len; ++j) {
        mask.push_back(j <= i + p.kv_len - p.q_len ? 0 : -std::numeric_limits<float>::infinity());
      }
    }
    return mask;
  }

  // If the compiler leaves several partitions, tensors between partitions are allocated here.
  graph::tensor Place(const Tensor& tensor) {
    for (const auto& [id, data] : bound_) {
      if (id == tensor.get_id()) return graph::tensor(tensor, Engine(), data);
    }
    between_.push_back(std::make_unique<std::vector<char>>(tensor.get_mem_size()));
    Bind(tensor, between_.back()->data());
    return graph::tensor(tensor, Engine(), between_.back()->data());
  }

  void Compile(const graph::partition& partition) {
    const std::vector<Tensor> inputs = partition.get_input_ports(),
                              outputs = partition.get_output_ports();
    Step step{partition.compile(inputs, outputs, Engine()), {}, {}};
    for (const Tensor& t : inputs) step.inputs.push_back(Place(t));
    for (const Tensor& t : outputs) {
      step.outputs.push_back(Place(step.partition.query_logical_tensor(t.get_id())));
    }
    steps_.push_back(std::move(step));
  }

  dnnl::stream stream_;
  const int threads_;
  size_t next_id_ = 0;
  DType dtype_ = DType::kF32;
  std::vector<char> divisor_, mask_;
  std::vector<std::pair<size_t, void*>> bound_;
  std::vector<std::unique_ptr<std::vector<char>>> between_;
  std::vector<Step> steps_;
};

class OneDnnSwish {
 public:
  explicit OneDnnSwish(const PeerTask& task) : stream_(Engine()), threads_(task.threads) {
    const OmpThreads scope(threads_);
    const auto& p = task.problem.As<ops::SigmoidMulProblem>();
    const auto& args = task.args.As<jitattn_activation_args>();
    const dnnl::memory::desc shape({p.rows * p.cols},
                                   static_cast<dnnl::memory::data_type>(TypeOf(p.dtype)),
                                   dnnl::memory::format_tag::a);
    const dnnl::eltwise_forward::primitive_desc desc(Engine(), dnnl::prop_kind::forward_inference,
                                                     dnnl::algorithm::eltwise_swish, shape, shape,
                                                     1.0f);
    primitive_ = dnnl::eltwise_forward(desc);
    x_ = dnnl::memory(shape, Engine(), const_cast<void*>(args.x));
    out_ = dnnl::memory(shape, Engine(), args.out);
  }

  void Run() {
    const OmpThreads scope(threads_);
    primitive_.execute(stream_, {{DNNL_ARG_SRC, x_}, {DNNL_ARG_DST, out_}});
    stream_.wait();
  }

 private:
  dnnl::stream stream_;
  const int threads_;
  dnnl::eltwise_forward primitive_;
  dnnl::memory x_, out_;
};

absl::StatusOr<PeerRun> MakeRun(const PeerTask& task) {
  if (task.problem.dtype() == DType::kF64) return absl::UnimplementedError("has no f64");
  try {
    if (task.problem.Is<ops::SigmoidMulProblem>()) {
      return [swish = std::make_shared<OneDnnSwish>(task)] { swish->Run(); };
    }
    if (const auto* p = task.problem.If<ops::AttentionProblem>()) {
      if (p->has_extras()) return absl::UnimplementedError("written here without options");
      return [attention = std::make_shared<OneDnnAttention>(task)] { attention->Run(); };
    }
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(error.what());
  }
  return absl::UnimplementedError("has no such operation");
}

}  // namespace

std::vector<Peer> OneDnnPeers() {
  const dnnl_version_t& version = *dnnl_version();
  return {{"onednn", absl::StrCat(version.major, ".", version.minor, ".", version.patch), MakeRun}};
}

}  // namespace jitattn::bench
