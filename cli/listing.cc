// Decodes code with Zydis.

#include "cli/listing.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace jitattn::cli {

namespace {

class Decoder {
 public:
  Decoder() {
    ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    ZydisFormatterInit(&formatter_, ZYDIS_FORMATTER_STYLE_INTEL);
    // Offsets without leading zeros, in lower case as in other disassemblers.
    ZydisFormatterSetProperty(&formatter_, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
                              ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(&formatter_, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
  }

  bool Decode(std::span<const uint8_t> code, uint32_t offset) {
    const auto rest = code.subspan(offset);
    return ZYAN_SUCCESS(
        ZydisDecoderDecodeFull(&decoder_, rest.data(), rest.size(), &instruction, operands));
  }

  std::string Text(uint32_t offset) {
    char text[256];
    ZydisFormatterFormatInstruction(&formatter_, &instruction, operands,
                                    instruction.operand_count_visible, text, sizeof text, offset,
                                    ZYAN_NULL);
    return text;
  }

  std::span<const ZydisDecodedOperand> visible() const {
    return {operands, instruction.operand_count_visible};
  }

  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

 private:
  ZydisDecoder decoder_;
  ZydisFormatter formatter_;
};

// The offset that a jump or a call goes to; none for other instructions.
std::optional<uint32_t> JumpTarget(const Decoder& decoder, uint32_t offset) {
  for (const ZydisDecodedOperand& operand : decoder.visible()) {
    if (operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !operand.imm.is_relative) continue;
    ZyanU64 target = 0;
    ZydisCalcAbsoluteAddress(&decoder.instruction, &operand, offset, &target);
    return static_cast<uint32_t>(target);
  }
  return std::nullopt;
}

void Count(const Decoder& decoder, Instruction* line) {
  const std::string_view name = ZydisMnemonicGetString(decoder.instruction.mnemonic);
  line->fma = name.starts_with("vfm") || name.starts_with("vfnm") || name.starts_with("vdp");
  for (const ZydisDecodedOperand& operand : decoder.visible()) {
    // lea and prefetch have a memory operand but load no data.
    const bool data = operand.type == ZYDIS_OPERAND_TYPE_MEMORY &&
                      operand.mem.type != ZYDIS_MEMOP_TYPE_AGEN && !name.starts_with("prefetch");
    line->load |= data && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ);
    line->store |= data && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
  }
}

// "outer / inner" at `offset`. Sections are properly nested, in ascending order of their begin.
std::string PathAt(const std::vector<jit::Section>& sections, uint32_t offset) {
  std::string path;
  for (const jit::Section& section : sections) {
    if (section.begin > offset || offset >= section.end) continue;
    absl::StrAppend(&path, path.empty() ? "" : " / ", section.name);
  }
  return path;
}

void AddTo(std::vector<SectionTotals>* totals, const Instruction& line, int64_t bytes) {
  auto at = std::find_if(totals->begin(), totals->end(),
                         [&](const SectionTotals& t) { return t.section == line.section; });
  if (at == totals->end()) at = totals->insert(at, {.section = line.section});
  at->bytes += bytes;
  at->instructions += 1;
  at->fmas += line.fma;
  at->loads += line.load;
  at->stores += line.store;
}

}  // namespace

absl::StatusOr<Listing> Disassemble(const jit::Kernel& kernel) {
  const std::span<const uint8_t> code = kernel.code();
  Decoder decoder;
  Listing listing;
  listing.constants_begin = kernel.constants_begin();
  std::set<uint32_t> jump_targets;
  for (uint32_t offset = 0; offset < listing.constants_begin;) {
    if (!decoder.Decode(code, offset)) {
      return absl::InternalError(
          absl::StrFormat("%s: the bytes at 0x%x are not an instruction", kernel.name(), offset));
    }
    Instruction line = {.offset = offset,
                        .text = decoder.Text(offset),
                        .section = PathAt(kernel.sections(), offset)};
    Count(decoder, &line);
    if (const auto target = JumpTarget(decoder, offset)) jump_targets.insert(*target);
    const bool padding = decoder.instruction.mnemonic == ZYDIS_MNEMONIC_INT3;
    if (!padding) {
      AddTo(&listing.totals, line, decoder.instruction.length);
      listing.instructions.push_back(std::move(line));
    }
    offset += decoder.instruction.length;
  }
  for (Instruction& line : listing.instructions) {
    line.jump_target = jump_targets.contains(line.offset);
  }
  return listing;
}

std::string ConstantText(std::span<const uint8_t> line) {
  uint32_t words[16] = {};
  const size_t bytes = std::min(line.size(), sizeof words);
  std::memcpy(words, line.data(), bytes);
  const size_t count = bytes / 4;
  // Doubles whose two halves are equal are shown as floats.
  if (std::all_of(words, words + count, [&](uint32_t word) { return word == words[0]; })) {
    return absl::StrFormat("%d × 0x%08x = %.9g", count, words[0], std::bit_cast<float>(words[0]));
  }
  uint64_t doubles[8] = {};
  std::memcpy(doubles, line.data(), bytes);
  if (std::all_of(doubles, doubles + count / 2, [&](uint64_t d) { return d == doubles[0]; })) {
    return absl::StrFormat("%d × 0x%016x = %.17g", count / 2, doubles[0],
                           std::bit_cast<double>(doubles[0]));
  }
  std::string text;
  for (size_t i = 0; i < count; ++i)
    absl::StrAppendFormat(&text, "%s%08x", i == 0 ? "" : " ", words[i]);
  return text;
}

}  // namespace jitattn::cli
