#include "bulk/finish.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "bulk/kept_command.h"
#include "bulk/run.h"
#include "json/lines.h"
#include "json/write.h"
#include "report/receipt.h"
#include "runtime/http_client.h"
#include "runtime/posix_files.h"
#include "runtime/price_file.h"
#include "runtime/sqlite_store.h"

namespace weir::bulk {
namespace {

constexpr std::size_t kExtrasBytesMax = 1U << 20;
constexpr std::string_view kExtras = "/extras.json";

struct Extras {
  std::optional<report::Accuracy> accuracy;
  std::optional<MoneySum> bill;
};

// Compares answers with the label, line by line of the output, which stands in input order.
Result<report::Accuracy> measure_accuracy(const FinishContext& context) {
  report::Accuracy accuracy{.field = context.options.label};
  std::ifstream output(context.options.output, std::ios::binary);
  json::Parser parser;
  Record record;
  std::string line;
  for (std::uint64_t item = 0; item < context.input.count() && std::getline(output, line); ++item) {
    WEIR_TRY(const auto row, context.input.index().row(item));
    if (row.rejected()) continue;
    WEIR_CHECK(context.input.read(item, record));
    const auto truth = record.field(accuracy.field);
    if (!truth) continue;
    ++accuracy.total;
    WEIR_TRY(const auto parsed, parser.parse(line));
    if (parsed["answer"][accuracy.field].string() == *truth) ++accuracy.right;
  }
  return accuracy;
}

// Sums the rows of this job's account. The simulator's total is decimal digits: it may not fit 64 bits.
class BillSink final : public runtime::ResponseSink {
 public:
  void on_head(const http::Response& head) override { status = head.status; }
  bool on_body(std::string_view bytes) override {
    return lines_.feed(bytes, [&](const json::LineSplitter::Line& line) {
      if (const auto row = parser_.parse(line.bytes))
        total += Money{(*row)["pico_usd"].integer_or(0)};
      return true;
    });
  }
  int status = 0;
  MoneySum total;

 private:
  json::LineSplitter lines_{1U << 20};
  json::Parser parser_;
};

boost::asio::awaitable<void> send_once(runtime::HttpClient* client, runtime::ClientRequest request,
                                       runtime::ResponseSink* sink, Result<void>* outcome) {
  *outcome = co_await client->send(std::move(request), sink);
  client->stop();  // no idle connection keeps the loop alive
}

Result<MoneySum> fetch_bill(const FinishContext& context) {
  std::string_view url = context.options.clock;
  if (url.starts_with("sim:")) url.remove_prefix(4);
  WEIR_TRY(const auto base, http::parse_url(url));
  boost::asio::io_context io;
  runtime::HttpClient client(io, {});
  BillSink sink;
  runtime::ClientRequest request{.origin = base.origin};
  request.plan.target = http::join_path(http::path_of(base.target), "/_sim/bill?format=jsonl");
  request.plan.headers.add("authorization", "Bearer " + context.key);
  request.response_bytes_max = std::uint64_t{1} << 40;
  Result<void> outcome;
  boost::asio::co_spawn(io, send_once(&client, std::move(request), &sink, &outcome),
                        boost::asio::detached);
  io.run();
  if (!outcome) return std::unexpected(std::move(outcome).error());
  if (sink.status != 200)
    return fail(ErrorKind::kBadResponse, fmt::format("the bill was answered with {}", sink.status));
  return sink.total;
}

Extras read_extras(const std::string& folder) {
  Extras extras;
  const auto bytes = runtime::read_whole_file(folder + std::string(kExtras), kExtrasBytesMax);
  if (!bytes) return extras;
  json::Parser parser;
  const auto v = parser.parse(*bytes);
  if (!v) return extras;
  if (const auto accuracy = v->find("accuracy"))
    extras.accuracy =
        report::Accuracy{(*accuracy)["field"].string_or(""),
                         static_cast<std::uint64_t>((*accuracy)["right"].integer_or(0)),
                         static_cast<std::uint64_t>((*accuracy)["total"].integer_or(0))};
  if (const auto bill = (*v)["bill_usd"].string())
    if (const auto money = parse_usd(*bill)) extras.bill = MoneySum{money->pico};
  return extras;
}

Result<void> write_extras(const std::string& folder, const Extras& extras) {
  json::Writer w;
  w.begin_object();
  if (extras.accuracy) {
    w.key("accuracy").begin_object().field("field", extras.accuracy->field);
    w.field("right", static_cast<std::int64_t>(extras.accuracy->right));
    w.field("total", static_cast<std::int64_t>(extras.accuracy->total)).end_object();
  }
  if (extras.bill) w.field("bill_usd", to_usd(*extras.bill));
  return runtime::write_whole_file(folder + std::string(kExtras), w.end_object().take());
}

}  // namespace

Result<void> forget_extras(const std::string& folder) {
  return runtime::PosixFiles().remove(folder + std::string(kExtras));
}

void finish_job(const FinishContext& context) {
  auto extras = read_extras(context.setup.folder);
  if (!context.options.label.empty() && !extras.accuracy) {
    auto accuracy = measure_accuracy(context);
    if (accuracy && accuracy->total == 0)
      context.console.note(fmt::format("no record has the field '{}' of --label: no accuracy",
                                       context.options.label));
    if (accuracy) extras.accuracy = std::move(*accuracy);
    else context.console.note("the accuracy could not be measured: " + accuracy.error().text());
  }
  if (context.options.clock.starts_with("sim:") && !extras.bill) {
    auto bill = fetch_bill(context);
    if (bill) extras.bill = *bill;
    else context.console.note("the simulator's bill could not be read: " + bill.error().text());
  }
  if (auto written = write_extras(context.setup.folder, extras); !written)
    context.console.note(written.error().text());
}

Result<ReceiptTexts> receipt_of(const std::string& output) {
  const std::string folder = output + ".weir";
  auto store = runtime::SqliteStore::open_read_only(folder + "/store.sqlite");
  if (!store)
    return fail(ErrorKind::kNotFound, fmt::format("there is no job behind {}", output),
                "give the output file of a weir run");
  WEIR_TRY(const auto aggregates, (*store)->load());
  std::optional<engine::JobState> job;
  for (const auto& aggregate : aggregates) {
    if (aggregate.kind != engine::AggregateKind::kJob) continue;
    WEIR_TRY(job, engine::JobState::decode(aggregate.state));
  }
  if (!job)
    return fail(ErrorKind::kNotFound, fmt::format("the job behind {} has not begun", output),
                "run it first");
  cost::LedgerTotals totals;
  WEIR_CHECK((*store)->visit_ledger([&](const cost::LedgerEntry& entry) {
    totals.add(entry);
    return true;
  }));
  const auto prices = kept_prices_path(folder);
  WEIR_TRY(const auto catalogue,
           runtime::catalogue_with(std::filesystem::exists(prices) ? prices : ""));
  WEIR_TRY(const auto model,
           catalogue::resolve(catalogue, job->identity.provider + "/" + job->identity.model));
  runtime::ReadOnlyFiles files;
  WEIR_TRY(const auto counts, engine::count_ends(files, folder, job->items, job->segment_bytes));
  const auto extras = read_extras(folder);
  const auto receipt = report::make_receipt(
      {*job, counts, totals, *model.provider, *model.model, extras.accuracy, extras.bill});
  return ReceiptTexts{report::to_text(receipt), report::to_json(receipt), counts};
}

ExitCode show_receipt(const std::string& output, Console& console) {
  const auto receipt = receipt_of(output);
  if (!receipt) {
    console.error(receipt.error());
    return ExitCode::kFailure;
  }
  console.receipt(receipt->text, receipt->json);
  return receipt->counts.failed + receipt->counts.cancelled > 0 ? ExitCode::kItemsFailed
                                                                : ExitCode::kDone;
}

ExitCode report_output(const std::string& output, bool json) {
  const auto receipt = receipt_of(output);
  if (!receipt) {
    Console(json, false).error(receipt.error());
    return ExitCode::kUsage;
  }
  fmt::print("{}\n", json ? receipt->json : receipt->text);
  return ExitCode::kDone;
}

}  // namespace weir::bulk
