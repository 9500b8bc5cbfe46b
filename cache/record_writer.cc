// Writes the text of a record, field by field.

#include "cache/record_writer.h"

namespace jitattn::cache {

void RecordWriter::Line(std::string_view key, std::string_view value) {
  absl::StrAppend(&text_, TomlKey(key), " = ", std::string(value), "\n");
}

void RecordWriter::FinishSection() {
  TomlTable* rest = &unknown_;
  if (!section_.empty()) {
    TomlEntry* entry = FindEntry(unknown_, section_);
    rest = entry != nullptr ? std::get_if<TomlTable>(&entry->value.data) : nullptr;
    if (rest == nullptr) return;
  }
  for (const TomlEntry& entry : *rest) {
    // Above all sections a table is itself a section, which is written later.
    if (section_.empty() && std::holds_alternative<TomlTable>(entry.value.data)) continue;
    Line(entry.key, TomlText(entry.value));
  }
  // Removed, since TakeText writes the remaining entries.
  if (section_.empty()) {
    std::erase_if(unknown_, [](const TomlEntry& entry) {
      return !std::holds_alternative<TomlTable>(entry.value.data);
    });
  } else {
    std::erase_if(unknown_, [&](const TomlEntry& entry) { return entry.key == section_; });
  }
}

void RecordWriter::Section(std::string_view name) {
  FinishSection();
  section_ = name;
  absl::StrAppend(&text_, text_.empty() ? "" : "\n", "[", TomlKey(name), "]\n");
}

void RecordWriter::Texts(std::string_view name, const std::vector<std::string>& values) {
  std::string items;
  for (const std::string& value : values) {
    absl::StrAppend(&items, items.empty() ? "" : ", ", TomlString(value));
  }
  Line(name, absl::StrCat("[", items, "]"));
}

void RecordWriter::Tunable(const ops::Field& field, const ops::Config& config) {
  const int value = field.get(config);
  const bool labelled = 0 <= value && value < static_cast<int>(field.labels.size());
  Line(field.name, labelled ? TomlString(field.labels[value]) : absl::StrCat(value));
}

std::string RecordWriter::TakeText() {
  FinishSection();
  while (!unknown_.empty()) {
    Section(std::string(unknown_.front().key));
    FinishSection();
  }
  return std::move(text_);
}

}  // namespace jitattn::cache
