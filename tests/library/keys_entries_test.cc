// What the keys of an entry change.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

#include "config/load.h"
#include "config/show.h"
#include "keys.h"

namespace weir_test {
namespace {

using namespace weir;
using testing::HasSubstr;
using testing::Not;

const std::string kMessages = "POST /anthropic/v1/messages ";
const std::string kCreates = "POST /anthropic/v1/messages/batches ";
const std::string kMark = "\"cache_control\"";

std::size_t marks_with(const std::string& keys) {
  World world({.keys = "cachingEnabled: true" + (keys.empty() ? "" : ", " + keys)});
  EXPECT_EQ(world.ask(), "");
  return world.recorder().mentions(kMark);
}

void provider() {
  World one({}), other({.provider = "openAI", .model = "gpt-5.4"});
  EXPECT_EQ(one.ask() + other.ask(), "");
  EXPECT_EQ(one.recorder().count(kMessages), 1);
  EXPECT_EQ(other.recorder().count("POST /openAI/v1/chat/completions "), 1);
}

void is_default() {
  const auto of = [](const std::string& value) {
    return World({.more_entries = ", {provider: openAI, isDefault: " + value +
                                  ", configuration: {model: gpt-5.4, apiKey: k}}"})
        .model()
        .info()
        .provider;
  };
  EXPECT_EQ(of("true"), "openAI");
  EXPECT_EQ(of("false"), "anthropic");
}

void model() {
  EXPECT_EQ(World({.keys = "model: 'claude-sonnet-5, claude-haiku-5-5'"}).model().info().model,
            "claude-sonnet-5");
  EXPECT_EQ(World({.keys = "model: 'claude-haiku-5-5, claude-sonnet-5'"}).model().info().model,
            "claude-haiku-5-5");
}

void api_key() {
  World world({.keys = "apiKey: key-of-mine"}), refused({.keys = "apiKey: invalid-key"});
  EXPECT_EQ(world.ask(), "");
  EXPECT_EQ(world.recorder().mentions("key-of-mine"), 1);
  EXPECT_THAT(refused.ask(), HasSubstr("unauthenticated"));
}

void endpoint() {
  World world({}), elsewhere({.keys = "endpoint: 'http://127.0.0.1:9/anthropic'",
                              .rest = "workloads: [{name: w, retries: 0}]"});
  EXPECT_EQ(world.ask(), "");
  EXPECT_THAT(elsewhere.ask({.workload = "w"}), HasSubstr("unavailable"));
  EXPECT_EQ(elsewhere.recorder().count(""), 0);
}

void organization() {
  World with({.keys = "organizationId: org-1", .provider = "openAI", .model = "gpt-5.4"});
  World without({.provider = "openAI", .model = "gpt-5.4"});
  EXPECT_EQ(with.ask() + without.ask(), "");
  EXPECT_EQ(with.recorder().mentions("org-1"), 1);
  EXPECT_EQ(without.recorder().mentions("openai-organization"), 0);
  // Batches are the organization's as well, at every step.
  World batch(
      {.keys = "organizationId: org-1, " + kBatching, .provider = "openAI", .model = "gpt-5.4"});
  EXPECT_EQ(batch.routes(), "batch");
  EXPECT_EQ(batch.recorder().mentions("openai-organization: org-1"), batch.recorder().count(""));
}

void api() {
  World with({.keys = "api: responses", .provider = "openAI", .model = "gpt-5.4"});
  World without({.provider = "openAI", .model = "gpt-5.4"});
  EXPECT_EQ(with.ask() + without.ask(), "");
  EXPECT_EQ(with.recorder().count("POST /openAI/v1/responses "), 1);
  EXPECT_EQ(without.recorder().count("POST /openAI/v1/responses "), 0);
  World batch({.keys = "api: responses, " + kBatching, .provider = "openAI", .model = "gpt-5.4"});
  EXPECT_EQ(batch.routes(), "batch");
  EXPECT_GT(batch.recorder().mentions("/v1/responses"), 0);
}

// In the paths of batches, which there are none without.
void account() {
  const auto setup = [](const std::string& keys) {
    return Setup{
        .keys = keys, .provider = "fireworks", .model = "accounts/fireworks/models/gpt-oss-20b"};
  };
  // Three requests come before the job: half a minute of virtual time may be over on a busy machine.
  const std::string patient = kBatching + ", fallbackTimeoutSeconds: 3600";
  World with(setup("accountId: acme, " + patient)), without(setup(patient));
  EXPECT_EQ(with.routes(), "batch") << with.log();
  EXPECT_EQ(without.routes(), "sync");
  EXPECT_EQ(with.recorder().count("POST /fireworks/v1/accounts/acme/batchInferenceJobs?"), 1);
  EXPECT_EQ(without.recorder().mentions("/v1/accounts/"), 0);
}

Setup vertex(const std::string& keys) {
  return {.keys = keys, .provider = "vertexAI", .model = "gemini-2.5-flash"};
}

void project() {
  World shop(vertex("project: shop")), store(vertex("project: store"));
  EXPECT_EQ(shop.ask() + store.ask(), "");
  EXPECT_EQ(shop.recorder().count("POST /vertexAI/v1/projects/shop/locations/us-central1/"), 1);
  EXPECT_EQ(store.recorder().count("POST /vertexAI/v1/projects/store/locations/us-central1/"), 1);
}

void location() {
  World here(vertex("project: p, location: global")), there(vertex("project: p, location: eu"));
  EXPECT_EQ(here.ask() + there.ask(), "");
  EXPECT_EQ(here.recorder().count("POST /vertexAI/v1/projects/p/locations/global/"), 1);
  EXPECT_EQ(there.recorder().count("POST /vertexAI/v1/projects/p/locations/eu/"), 1);
}

// A service account's key, made on the spot, for YAML within single quotes.
std::string account_key() {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_RSA_gen(2048), EVP_PKEY_free);
  const std::unique_ptr<BIO, void (*)(BIO*)> pem(BIO_new(BIO_s_mem()), BIO_free_all);
  EXPECT_EQ(PEM_write_bio_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr),
            1);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(pem.get(), &bytes);
  std::string escaped;
  for (const char c : std::string(bytes, static_cast<std::size_t>(size)))
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  return R"({"type":"service_account","client_email":"weir@shop","private_key":")" + escaped +
         R"("})";
}

// It signs for tokens, and is never sent itself.
void service_account() {
  auto setup = vertex("project: p, serviceAccountJson: '" + account_key() + "'");
  setup.simulator = "--time-scale 1";  // a token lives for an hour
  World with(setup);
  EXPECT_EQ(with.ask() + with.ask(), "");
  EXPECT_EQ(with.recorder().count("POST /vertexAI/token "), 1);
  EXPECT_EQ(with.recorder().mentions("Bearer ya29."), 2);
  EXPECT_EQ(with.recorder().mentions("PRIVATE KEY"), 0);
  World broken(vertex("project: p, serviceAccountJson: '{}'"));
  EXPECT_THAT(broken.ask(), HasSubstr("unauthenticated"));
  EXPECT_EQ(broken.recorder().count(""), 0);
  // Jobs have tokens of their own.
  World batch(vertex("project: p, bucket: 'gs://pail/weir', serviceAccountJson: '" + account_key() +
                     "', " + kBatching));
  EXPECT_EQ(batch.routes(), "batch");
  EXPECT_GE(batch.recorder().count("POST /vertexAI/token "), 1U);
  EXPECT_EQ(batch.recorder().count(
                "POST /vertexAI/v1/projects/p/locations/us-central1/batchPredictionJobs "),
            1);
}

void temperature() {
  World with({.keys = "temperature: 0.25", .model = "claude-sonnet-4-6"});
  World without({.model = "claude-sonnet-4-6"});
  EXPECT_EQ(with.ask() + without.ask(), "");
  EXPECT_EQ(with.recorder().mentions("\"temperature\":0.25"), 1);
  EXPECT_EQ(without.recorder().mentions("\"temperature\""), 0);
}

void batching_enabled() {
  EXPECT_EQ(World({.keys = "batchingEnabled: true, optimizationStrategy: batch_only"}).routes(),
            "batch");
  EXPECT_EQ(World({.keys = "batchingEnabled: false, optimizationStrategy: batch_only"}).routes(),
            "sync");
}

void batch_max_size() {
  World small({.keys = kBatching + ", batchMaxSize: 3"}), large({.keys = kBatching});
  EXPECT_EQ(small.routes({}, 12), "batch");
  EXPECT_EQ(large.routes({}, 12), "batch");
  EXPECT_GE(small.recorder().count(kCreates), 4);
  EXPECT_EQ(large.recorder().count(kCreates), 1);
}

const std::string kSlow = R"([{"fault": {"kind": "slow_batch", "seconds": 1800}}])";

void batch_timeout() {
  World impatient({.keys = kBatching + ", batchTimeoutSeconds: 60", .faults = kSlow});
  World patient({.keys = kBatching, .faults = kSlow});
  EXPECT_THAT(impatient.routes(), HasSubstr("sync"));
  EXPECT_EQ(patient.routes(), "batch");
}

void batch_poll_interval() {
  World often({.keys = kBatching + ", batchPollIntervalSeconds: 10", .faults = kSlow});
  World seldom({.keys = kBatching + ", batchPollIntervalSeconds: 3600", .faults = kSlow});
  EXPECT_EQ(often.routes(), "batch");
  EXPECT_EQ(seldom.routes(), "batch");
  const std::string polls = "GET /anthropic/v1/messages/batches/";
  EXPECT_GT(often.recorder().count(polls), 2 * seldom.recorder().count(polls));
}

void caching_enabled() {
  EXPECT_EQ(marks_with(""), 1);
  World off({.keys = "cachingEnabled: false"});
  EXPECT_EQ(off.ask(), "");
  EXPECT_EQ(off.recorder().mentions(kMark), 0);
}

void cache_strategy() {
  EXPECT_EQ(marks_with("cacheStrategy: explicit"), 1);
  EXPECT_EQ(marks_with("cacheStrategy: automatic"), 0);
}

void cache_ttl() {
  const auto long_lived = [](const std::string& ttl) {
    World world({.keys = "cachingEnabled: true, cacheTTL: " + ttl});
    EXPECT_EQ(world.ask(), "");
    return world.recorder().mentions("\"ttl\":\"1h\"");
  };
  EXPECT_EQ(long_lived("3600"), 1);
  EXPECT_EQ(long_lived("300"), 0);
}

void cache_min_tokens() {
  EXPECT_EQ(marks_with("cacheMinTokens: 0"), 1);
  EXPECT_EQ(marks_with("cacheMinTokens: 100000"), 0);
}

void cache_max_breakpoints() {
  const auto marks = [](const std::string& most) {
    World world({.keys = "cachingEnabled: true, cacheMaxBreakpoints: " + most});
    auto request = weir::ask("Which?", long_text(1500));
    request.tools.push_back(
        {.name = "look", .description = long_text(1500), .parameters = R"({"type":"object"})"});
    EXPECT_EQ(why(world.model().invoke(request)), "");
    return world.recorder().mentions(kMark);
  };
  EXPECT_EQ(marks("0"), 0);
  EXPECT_EQ(marks("1"), 1);
  EXPECT_EQ(marks("4"), 2);
}

void strategy() {
  const std::string both = "batchingEnabled: true, cachingEnabled: true, optimizationStrategy: ";
  EXPECT_EQ(World({.keys = both + "batch_only"}).routes(), "batch");
  EXPECT_EQ(World({.keys = both + "cache_only"}).routes(), "sync");
  World disabled({.keys = both + "disabled"});
  EXPECT_EQ(disabled.routes(), "sync");
  EXPECT_EQ(disabled.recorder().mentions(kMark), 0);
}

// Of a model whose batches neither read nor write a cache.
void preference() {
  const auto routes = [](const std::string& wish) {
    return World(
               {.keys = "batchingEnabled: true, cachingEnabled: true, optimizationStrategy: both, "
                        "optimizationPreference: " +
                        wish,
                .provider = "openAI",
                .model = "gpt-4.1-mini"})
        .routes();
  };
  EXPECT_EQ(routes("batch"), "batch");
  EXPECT_EQ(routes("cache"), "sync");
}

void fallback_to_standard() {
  const std::string refused =
      R"([{"fault": {"kind": "batch_refused", "type": "invalid_request_error"}}])";
  World falls({.keys = kBatching + ", fallbackToStandard: true", .faults = refused});
  World fails({.keys = kBatching + ", fallbackToStandard: false", .faults = refused});
  EXPECT_EQ(falls.routes(), "sync");
  EXPECT_THAT(fails.routes(), Not(HasSubstr("sync")));
}

// The provider accepts no batch for some minutes.
void fallback_timeout() {
  const std::string overloaded =
      R"([{"match": {"operation": "batch_create", "times": 8}, "fault": "overloaded"}])";
  World impatient({.keys = kBatching + ", fallbackTimeoutSeconds: 30", .faults = overloaded});
  World patient({.keys = kBatching + ", fallbackTimeoutSeconds: 86400", .faults = overloaded});
  EXPECT_EQ(impatient.routes(), "sync");
  EXPECT_EQ(patient.routes(), "batch");
}

void track_costs() {
  World shown({.keys = kBatching}), hidden({.keys = kBatching + ", trackCosts: false"});
  for (auto* world : {&shown, &hidden}) {
    const bool shows = world == &shown;
    const auto answer = world->answer();
    ASSERT_EQ(why(answer), "");
    EXPECT_EQ(answer->cost.pico > 0, shows);
    EXPECT_EQ(answer->baseline.pico > 0, shows);
    EXPECT_EQ(world->routes(), "batch");
    const auto summary = world->engine().metrics().summary();
    ASSERT_EQ(why(summary), "");
    EXPECT_EQ(summary->requests, 7);
    EXPECT_EQ(summary->spent_usd != "0.00", shows);
    EXPECT_EQ(summary->saved_usd != "0.00", shows);
    // The job's own ledger is right in any case.
    ASSERT_EQ(world->engine().jobs().size(), 1);
    EXPECT_NE(world->engine().jobs()[0].status().spent_usd, "0.00");
  }
}

void log_decisions() {
  World tells({.keys = kBatching}),
      silent({.keys = kBatching + ", logOptimizationDecisions: false"});
  EXPECT_EQ(tells.routes() + silent.routes(), "batchbatch");
  EXPECT_THAT(tells.log(), HasSubstr("route batch"));
  EXPECT_THAT(silent.log(), Not(HasSubstr("route batch")));
}

const catalogue::Catalogue& built_in() {
  static const auto instance = *catalogue::Catalogue::built_in();
  return instance;
}

config::Config loaded(const std::string& text) {
  auto out = config::load(text, "weir.yaml", {}, {}, built_in());
  for (const auto& error : out.errors) ADD_FAILURE() << error.text() << "\n" << text;
  return std::move(out.config);
}

// Two values are told apart by what the configuration is then shown to be. There is nothing more to see as long as no adapter, or no
// call of the library, is there to follow them.
void is_kept(const std::string& list, const std::string& provider, const std::string& others,
             const std::string& key, const std::string& one, const std::string& other) {
  const auto with = [&](const std::string& value) {
    return loaded(list + ": [{provider: " + provider + ", configuration: {" + others +
                  (others.empty() ? "" : ", ") + key + ": " + value + "}}]");
  };
  const auto a = with(one), b = with(other);
  EXPECT_FALSE(a.llm == b.llm && a.embedding == b.embedding) << key;
  const auto shown = config::show_text(a);
  EXPECT_TRUE(shown != config::show_text(b) || shown.find("****") != std::string::npos) << key;
}

void is_kept_without_adapter(const std::string& provider, const std::string& others,
                             const std::string& key, const std::string& one,
                             const std::string& other) {
  is_kept("llm", provider, "model: m, " + others, key, one, other);
  const Folder folder;
  std::ofstream(folder.path("weir.yaml"))
      << "llm: [{provider: " << provider << ", configuration: {model: m, apiKey: k, " << others
      << ", " << key << ": " << one << "}}]";
  const auto engine = Engine::create({.in_memory = true, .config_file = folder.path("weir.yaml")});
  ASSERT_EQ(why(engine), "");
  EXPECT_NE(why((*engine)->model()), "")
      << provider << " has an adapter now: " << key << " needs a test of what it changes there";
}

}  // namespace

Behaviours behaviours_of_entries() {
  const std::string c = "llm[].configuration.";
  return {{"llm[].provider", provider},
          {"llm[].isDefault", is_default},
          {c + "model", model},
          {c + "apiKey", api_key},
          {c + "endpoint", endpoint},
          {c + "api", api},
          {c + "organizationId", organization},
          {c + "accountId", account},
          {c + "project", project},
          {c + "location", location},
          {c + "serviceAccountJson", service_account},
          {c + "temperature", temperature},
          {c + "batchingEnabled", batching_enabled},
          {c + "batchMaxSize", batch_max_size},
          {c + "batchTimeoutSeconds", batch_timeout},
          {c + "batchPollIntervalSeconds", batch_poll_interval},
          {c + "cachingEnabled", caching_enabled},
          {c + "cacheStrategy", cache_strategy},
          {c + "cacheTTL", cache_ttl},
          {c + "cacheMinTokens", cache_min_tokens},
          {c + "cacheMaxBreakpoints", cache_max_breakpoints},
          {c + "optimizationStrategy", strategy},
          {c + "optimizationPreference", preference},
          {c + "fallbackToStandard", fallback_to_standard},
          {c + "fallbackTimeoutSeconds", fallback_timeout},
          {c + "trackCosts", track_costs},
          {c + "logOptimizationDecisions", log_decisions}};
}

void add_embeddings(Behaviours& out) {
  // Nothing of the library embeds yet: what stands here is checked, kept and shown.
  const auto embeds = [&](const std::string& key, const std::string& one,
                          const std::string& other) {
    out["embedding[].configuration." + key] = [=] {
      is_kept("embedding", "openAI", key == "model" ? "" : "model: m", key, one, other);
    };
  };
  for (const std::string flag : {"batchingEnabled", "cachingEnabled", "fallbackToStandard",
                                 "trackCosts", "logOptimizationDecisions"})
    embeds(flag, "true", "false");
  for (const std::string number :
       {"dimensions", "batchMaxSize", "batchTimeoutSeconds", "batchPollIntervalSeconds",
        "cacheMinTokens", "fallbackTimeoutSeconds"})
    embeds(number, "1000", "2000");
  // Of a provider without lifetimes that it would be rounded up to.
  out["embedding[].configuration.cacheTTL"] = [] {
    is_kept("embedding", "cohere", "model: m", "cacheTTL", "1000", "2000");
  };
  embeds("cacheMaxBreakpoints", "1", "2");
  embeds("model", "a", "b");
  embeds("apiKey", "key-one", "key-two");
  embeds("endpoint", "'https://a.example'", "'https://b.example'");
  embeds("api", "chat", "responses");
  embeds("organizationId", "a", "b");
  embeds("temperature", "0.5", "1");
  embeds("cacheStrategy", "automatic", "none");
  embeds("optimizationStrategy", "auto", "disabled");
  embeds("optimizationPreference", "cache", "batch");
  out["embedding[].configuration.accountId"] = [] {
    is_kept("embedding", "fireworks", "model: m", "accountId", "a", "b");
  };
  out["embedding[].provider"] = [] {
    const auto of_provider = [](const std::string& name) {
      return config::show_text(
          loaded("embedding: [{provider: " + name + ", configuration: {model: m}}]"));
    };
    EXPECT_NE(of_provider("openAI"), of_provider("cohere"));
  };
  out["embedding[].isDefault"] = [] {
    const auto config = loaded(
        "embedding: [{provider: openAI, configuration: {model: m}}, {provider: cohere, isDefault: "
        "true, configuration: {model: m}}]");
    EXPECT_EQ(config::default_entry(config.embedding)->provider, "cohere");
  };
}

Behaviours behaviours_of_entries_without_adapter() {
  Behaviours out;
  const auto of = [&](const std::string& provider, const std::string& others,
                      const std::string& key, const std::string& one, const std::string& other) {
    out["llm[].configuration." + key] = [=] {
      is_kept_without_adapter(provider, others, key, one, other);
    };
    out["embedding[].configuration." + key] = [=] {
      is_kept("embedding", provider, "model: m, " + others, key, one, other);
    };
  };
  // What they change is tested beside the adapter and end to end.
  const auto with_adapter = [&](const std::string& others, const std::string& key,
                                const std::string& one, const std::string& other) {
    for (const std::string kind : {"llm", "embedding"})
      out[std::string(kind).append("[].configuration.").append(key)] = [=] {
        is_kept(kind, "bedrock", "model: m, " + others, key, one, other);
      };
  };
  const std::string bedrock = "region: r";
  of("azureOpenAI", "endpoint: 'https://a.example'", "deploymentName", "a", "b");
  with_adapter("awsSessionToken: t", "region", "a", "b");
  with_adapter(bedrock + ", awsAccessSecretKey: s", "awsAccessKeyId", "key-one", "key-two");
  with_adapter(bedrock + ", awsAccessKeyId: i", "awsAccessSecretKey", "key-one", "key-two");
  with_adapter(bedrock, "awsSessionToken", "token-one", "token-two");
  with_adapter(bedrock, "provider", "anthropic", "amazon");
  with_adapter(bedrock, "customProvider", "a", "b");
  with_adapter(bedrock, "bucket", "'s3://a/b'", "'s3://c/d'");
  with_adapter(bedrock, "role", "a", "b");
  const auto of_vertex = [&](const std::string& others, const std::string& key) {
    out["embedding[].configuration." + key] = [=] {
      is_kept("embedding", "vertexAI", "model: m, " + others, key, "a", "b");
    };
  };
  of_vertex("location: l", "project");
  of_vertex("project: p", "location");
  of_vertex("project: p", "serviceAccountJson");

  add_embeddings(out);
  return out;
}

}  // namespace weir_test
