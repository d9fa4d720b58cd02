// Bedrock's adapter before the simulated Bedrock: what one signs the other checks by code of its own; and a whole batch, with its bill.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "catalogue/catalogue.h"
#include "cost/pricing.h"
#include "sample.h"
#include "sim/simulator.h"
#include "weir_sim_registry.h"

namespace weir::translation {
namespace {

constexpr std::string_view kModel = "us.anthropic.claude-sonnet-5";
constexpr std::size_t kItems = 150;

class World {
 public:
  World() {
    credentials.settings.set("region", "us-east-1");
    credentials.settings.set("awsAccessKeyId", "key-1", true);
    credentials.settings.set("awsAccessSecretKey", "secret-of-key-1", true);
    credentials.settings.set("awsSessionToken", "token", true);
    credentials.settings.set("bucket", "s3://jobs/some where");
    credentials.settings.set("role", "arn:aws:iam::123456789012:role/batch");
    std::vector<std::unique_ptr<sim::Provider>> simulated;
    for (const auto& row : sim::registered())
      if (row.name == "bedrock") simulated.push_back(row.get());
    simulator = sim::Simulator::create({}, std::move(simulated)).value();
  }

  http::Response send(const http::RequestPlan& plan) {
    EXPECT_FALSE(plan.origin);
    http::Request request{
        .method = plan.method, .target = plan.target, .headers = plan.headers, .body = {}};
    request.headers.set("host", credentials.origin.authority());
    request.headers.set("user-agent", "weir");
    for (const auto& piece : plan.body) {
      if (const auto* text = std::get_if<std::string>(&piece)) request.body += *text;
      else request.body += image;
    }
    const auto reply = simulator->handle(std::move(request), now);
    return {.status = reply.head.status, .headers = reply.head.headers, .body = reply.text()};
  }

  provider::Credentials credentials{.base_path = "/bedrock",
                                    .key = "key-1",
                                    .origin = {.tls = false, .host = "127.0.0.1", .port = 8080}};
  std::unique_ptr<sim::Simulator> simulator;
  std::string image;
  Time now = from_unix_seconds(1'795'400'000);
};

llm::Request request_of(std::size_t number) {
  llm::Request out;
  out.model = kModel;
  out.output_max = Tokens{64};
  out.system = {text("You answer questions on documents.")};
  out.messages = {{llm::Role::kUser, {text("Document " + std::to_string(number))}}};
  return out;
}

Money price_of(const llm::Usage& usage, llm::Route route, Time at) {
  static const auto kCatalogue = catalogue::Catalogue::built_in().value();
  const auto ref = catalogue::resolve(kCatalogue, "bedrock/" + std::string(kModel)).value();
  return cost::cost_of(usage, ref.model->price_at(at), route);
}

TEST(Bedrock, WhatIsSignedIsTakenAndCostsWhatTheCatalogueSays) {
  World world;
  const auto& adapter = adapter_of("bedrock");
  for (const bool stream : {false, true}) {
    auto request = request_of(1);
    request.stream = stream;
    const auto plan = adapter.encode_sync(request, {world.credentials, "attempt", world.now});
    const auto response = world.send(plan.value());
    ASSERT_EQ(response.status, 200) << response.body;
    llm::Usage usage;
    if (stream) {
      const auto decoder = adapter.stream_decoder();
      std::string words;
      ASSERT_TRUE(decoder->feed(response.body, words));
      usage = decoder->finish()->usage;
    } else {
      usage = adapter.decode_sync(response, world.now)->usage;
    }
    EXPECT_EQ(price_of(usage, llm::Route::kSync, world.now).pico,
              world.simulator->bill().rows().back().pico_usd);
  }
  // The probe costs nothing; a wrong secret is told by it.
  const auto probe = adapter.encode_probe_at(world.credentials, kModel, world.now);
  EXPECT_EQ(world.send(probe).status, 400);
  world.credentials.settings.set("awsAccessSecretKey", "another", true);
  const auto wrong = world.send(adapter.encode_probe_at(world.credentials, kModel, world.now));
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(adapter.decode_sync(wrong, world.now).error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(world.simulator->bill().rows().size(), 2U);
}

// Performs what the machine asks for until it has finished; gives the rows by custom_id.
std::map<std::string, provider::Row> run_batch(World& world, const BatchId& id,
                                               provider::Finished& end) {
  const auto& adapter = adapter_of("bedrock");
  const catalogue::BatchLimits limits;
  std::map<std::string, provider::Row> rows;
  std::string state;
  provider::BatchEvent event{.kind = provider::BatchEvent::Kind::kStart};
  for (int i = 0; i < 1000; ++i) {
    const provider::BatchContext context{.credentials = world.credentials,
                                         .limits = limits,
                                         .id = id,
                                         .items = kItems,
                                         .image_bytes = world.image.size(),
                                         .model = kModel,
                                         .now = world.now};
    const auto step = adapter.next(state, event, context).value();
    state = step.state;
    if (const auto* finished = std::get_if<provider::Finished>(&step.action)) {
      end = *finished;
      return rows;
    }
    if (const auto* wait = std::get_if<provider::Wait>(&step.action)) {
      world.now += wait->duration;
      event = {.kind = provider::BatchEvent::Kind::kTimer};
    } else if (const auto* send = std::get_if<provider::Send>(&step.action)) {
      event = {.kind = provider::BatchEvent::Kind::kAnswer, .response = world.send(send->plan)};
    } else {
      const auto& collect = std::get<provider::Collect>(step.action);
      const auto answer = world.send(collect.plan);
      EXPECT_EQ(answer.status, 200) << answer.body;
      std::string_view rest = answer.body;
      while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        auto row = adapter.decode_row(collect.artefact, line, world.now).value();
        rows.emplace(row.custom_id, std::move(row));
      }
      event = {.kind = provider::BatchEvent::Kind::kCollected};
    }
  }
  ADD_FAILURE() << "it does not end: " << state;
  return rows;
}

TEST(Bedrock, AWholeBatchAndItsBill) {
  World world;
  const BatchId id{1, 2};
  for (std::size_t i = 0; i < kItems; ++i) {
    ASSERT_TRUE(adapter_of("bedrock").encode_item(custom_id(id, i), request_of(i), world.image));
    world.image += "\n";
  }
  provider::Finished end;
  const auto created = world.now;
  const auto rows = run_batch(world, id, end);
  EXPECT_EQ(end.outcome, provider::Finished::Outcome::kEnded) << end.error.text();
  ASSERT_EQ(rows.size(), kItems);
  ASSERT_EQ(world.simulator->bill().rows().size(), kItems);
  for (const auto& billed : world.simulator->bill().rows()) {
    const auto& row = rows.at(billed.attempt_id);
    EXPECT_EQ(row.outcome, provider::Row::Outcome::kSucceeded);
    EXPECT_FALSE(row.response.text.empty());
    EXPECT_EQ(price_of(row.response.usage, llm::Route::kBatch, created).pico, billed.pico_usd);
    EXPECT_TRUE(billed.delivered);
  }
  // Nothing is left in the bucket.
  const auto left =
      world.simulator->handle({.target = "/_sim/state", .headers = {}, .body = {}}, world.now);
  EXPECT_NE(left.text().find(R"("files":0,"batches":1,"batches_running":0)"), std::string::npos);
}

TEST(Bedrock, TooSmallABatchIsRefusedWithTheProvidersReason) {
  World world;
  ASSERT_TRUE(adapter_of("bedrock").encode_item("w-0", request_of(0), world.image));
  provider::Finished end;
  EXPECT_TRUE(run_batch(world, {3, 4}, end).empty());
  EXPECT_EQ(end.outcome, provider::Finished::Outcome::kRefused);
  EXPECT_NE(end.error.message.find("required minimum of: 100"), std::string::npos);
}

}  // namespace
}  // namespace weir::translation
