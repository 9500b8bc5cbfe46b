// Reports of `jitattn audit`.

#include "lab/audit_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/csv.h"
#include "cli/text.h"
#include "ops/config.h"

namespace jitattn::lab {
namespace {

using runtime::Ratio;
using Row = std::vector<std::string>;

std::string_view Name(Ruling ruling) {
  static constexpr std::string_view kNames[] = {"holds", "unclear", "FAILS"};
  return kNames[static_cast<int>(ruling)];
}

// Writes ratio − 1 with its interval: "+1.2 % (+0.8 … +1.7)".
std::string LossText(const Ratio& ratio) {
  return absl::StrFormat("%+.1f %% (%+.1f … %+.1f)", (ratio.value - 1) * 100, (ratio.low - 1) * 100,
                         (ratio.high - 1) * 100);
}

Row CaseCells(const AuditCase& one) {
  return {ops::Describe(one.problem), std::string(Name(one.isa)), absl::StrCat(one.threads)};
}

std::string LossesText(const Audited& audited) {
  std::vector<Row> rows = {{"PROBLEM", "ISA", ">THREADS", ">BEST", ">DEFAULT LOSES",
                            ">WINNER LOSES", ">EVALS", ">TUNING", ">POINTS", ">IN"}};
  for (size_t i = 0; i < audited.losses.size(); ++i) {
    const Loss& loss = audited.losses[i];
    Row row = CaseCells(audited.cases[i]);
    for (std::string cell :
         {cli::Seconds(loss.best_s), LossText(loss.default_loss), LossText(loss.winner_loss),
          absl::StrCat(loss.evaluations), cli::Seconds(loss.tuning_s),
          absl::StrCat(loss.looked_at, " of ", loss.space_size), cli::Seconds(loss.space_s)}) {
      row.push_back(std::move(cell));
    }
    rows.push_back(std::move(row));
  }
  return cli::Table(rows);
}

std::string RepeatsText(const Audited& audited) {
  std::vector<Row> rows = {{"PROBLEM", "ISA", ">THREADS", ">RUNS", ">TUNING", ">WON",
                            ">OVER THE FASTEST", ">DEFAULT OVER IT", "WINNER"}};
  for (size_t i = 0; i < audited.repeats.size(); ++i) {
    const Repeats& r = audited.repeats[i];
    for (size_t w = 0; w < r.winners.size(); ++w) {
      Row row = w == 0 ? CaseCells(audited.cases[i]) : Row(3);
      const bool standing = r.winners[w] == r.default_config;
      for (std::string cell :
           {w == 0 ? absl::StrCat(r.runs) : "", w == 0 ? cli::Seconds(r.tuning_s) : "",
            absl::StrCat(r.counts[w]), LossText(r.to_fastest[w]), LossText(r.to_default[w]),
            standing ? "the default" : ops::ToString(r.winners[w])}) {
        row.push_back(std::move(cell));
      }
      rows.push_back(std::move(row));
    }
  }
  return cli::Table(rows);
}

cli::Json RatioJson(const Ratio& ratio) {
  return {{"value", cli::Number(ratio.value - 1)},
          {"low", cli::Number(ratio.low - 1)},
          {"high", cli::Number(ratio.high - 1)}};
}

cli::Json CaseJson(const AuditCase& one) {
  return {{"problem", cli::ToJson(one.problem)}, {"isa", Name(one.isa)}, {"threads", one.threads}};
}

cli::Json LossJson(const AuditCase& one, const Loss& loss) {
  cli::Json json = CaseJson(one);
  json.update({{"best_seconds_median", cli::Number(loss.best_s)},
               {"default_loss", RatioJson(loss.default_loss)},
               {"winner_loss", RatioJson(loss.winner_loss)},
               {"best", cli::ToJson(loss.best)},
               {"default_config", cli::ToJson(loss.default_config)},
               {"winner", cli::ToJson(loss.winner)},
               {"rounds", loss.rounds},
               {"points", loss.looked_at},
               {"space_size", loss.space_size},
               {"space_seconds", cli::Number(loss.space_s)},
               {"evaluations", loss.evaluations},
               {"tuning_seconds", cli::Number(loss.tuning_s)}});
  return json;
}

cli::Json RepeatsJson(const AuditCase& one, const Repeats& repeats) {
  cli::Json json = CaseJson(one);
  json["runs"] = repeats.runs;
  json["tuning_seconds"] = cli::Number(repeats.tuning_s);
  json["winners"] = cli::Json::array();
  for (size_t w = 0; w < repeats.winners.size(); ++w) {
    json["winners"].push_back({{"config", cli::ToJson(repeats.winners[w])},
                               {"is_default", repeats.winners[w] == repeats.default_config},
                               {"won", repeats.counts[w]},
                               {"over_fastest", RatioJson(repeats.to_fastest[w])},
                               {"default_over_it", RatioJson(repeats.to_default[w])}});
  }
  return json;
}

void AddRatio(const Ratio& ratio, Row* row) {
  for (const double value : {ratio.value, ratio.low, ratio.high}) {
    row->push_back(cli::CsvNumber(value - 1));
  }
}

Row CaseCsv(const AuditCase& one) {
  const DType dtype = one.problem.dtype();
  return {std::string(one.problem.operation().name), std::string(Name(dtype)),
          ops::Describe(one.problem), std::string(Name(one.isa)), absl::StrCat(one.threads)};
}

}  // namespace

std::vector<Claim> Audited::Claims() const {
  std::vector<Claim> claims = JudgeLosses(losses);
  for (Claim& claim : JudgeRepeats(repeats)) claims.push_back(std::move(claim));
  return claims;
}

bool Audited::Fails() const {
  const std::vector<Claim> claims = Claims();
  return std::any_of(claims.begin(), claims.end(),
                     [](const Claim& claim) { return claim.ruling == Ruling::kFails; });
}

std::string AuditText(const Audited& audited) {
  std::string text;
  if (!audited.losses.empty()) text += LossesText(audited);
  if (!audited.repeats.empty()) text += RepeatsText(audited);
  for (const std::string& line : audited.skipped) absl::StrAppend(&text, "skipped: ", line, "\n");
  std::vector<std::pair<std::string, std::string>> fields;
  for (const Claim& claim : audited.Claims()) {
    fields.emplace_back(Name(claim.ruling), absl::StrCat(claim.text, ": ", claim.figure));
  }
  if (!audited.machine_flags.empty()) {
    fields.emplace_back("warning", absl::StrJoin(audited.machine_flags, ", "));
  }
  return text + "\n" + cli::Fields(fields);
}

cli::Json AuditJson(const Audited& audited) {
  cli::Json json = cli::JsonHead("audit");
  json["losses"] = cli::Json::array();
  for (size_t i = 0; i < audited.losses.size(); ++i) {
    json["losses"].push_back(LossJson(audited.cases[i], audited.losses[i]));
  }
  json["repeats"] = cli::Json::array();
  for (size_t i = 0; i < audited.repeats.size(); ++i) {
    json["repeats"].push_back(RepeatsJson(audited.cases[i], audited.repeats[i]));
  }
  json["claims"] = cli::Json::array();
  for (const Claim& claim : audited.Claims()) {
    json["claims"].push_back(
        {{"claim", claim.text}, {"figure", claim.figure}, {"standing", Name(claim.ruling)}});
  }
  json["skipped"] = audited.skipped;
  json["machine_flags"] = audited.machine_flags;
  json["seconds"] = cli::Number(audited.seconds);
  json["interrupted"] = audited.interrupted;
  return json;
}

std::string AuditCsv(const Audited& audited) {
  const Row one = {"op", "dtype", "problem", "isa", "threads"};
  Row header = one;
  std::vector<Row> rows;
  if (!audited.repeats.empty()) {
    for (const char* name :
         {"runs", "tuning_s", "won", "over_fastest", "over_fastest_low", "over_fastest_high",
          "default_over_it", "default_over_it_low", "default_over_it_high", "winner"}) {
      header.emplace_back(name);
    }
    for (size_t i = 0; i < audited.repeats.size(); ++i) {
      const Repeats& r = audited.repeats[i];
      for (size_t w = 0; w < r.winners.size(); ++w) {
        Row row = CaseCsv(audited.cases[i]);
        row.push_back(absl::StrCat(r.runs));
        row.push_back(cli::CsvNumber(r.tuning_s));
        row.push_back(absl::StrCat(r.counts[w]));
        AddRatio(r.to_fastest[w], &row);
        AddRatio(r.to_default[w], &row);
        row.push_back(ops::ToString(r.winners[w]));
        rows.push_back(std::move(row));
      }
    }
  } else {
    for (const char* name :
         {"best_s", "default_loss", "default_loss_low", "default_loss_high", "winner_loss",
          "winner_loss_low", "winner_loss_high", "rounds", "points", "space_size", "space_s",
          "evaluations", "tuning_s", "best", "default", "winner"}) {
      header.emplace_back(name);
    }
    for (size_t i = 0; i < audited.losses.size(); ++i) {
      const Loss& loss = audited.losses[i];
      Row row = CaseCsv(audited.cases[i]);
      row.push_back(cli::CsvNumber(loss.best_s));
      AddRatio(loss.default_loss, &row);
      AddRatio(loss.winner_loss, &row);
      for (const double value :
           {double(loss.rounds), double(loss.looked_at), double(loss.space_size), loss.space_s,
            double(loss.evaluations), loss.tuning_s}) {
        row.push_back(cli::CsvNumber(value));
      }
      for (const ops::Config& config : {loss.best, loss.default_config, loss.winner}) {
        row.push_back(ops::ToString(config));
      }
      rows.push_back(std::move(row));
    }
  }
  std::string csv = cli::CsvLine(header);
  for (const Row& row : rows) csv += cli::CsvLine(row);
  return csv;
}

}  // namespace jitattn::lab
