// Questions about one long text: the provider reads it once and remembers it.
//
//   caching         asks Anthropic; the key is in ANTHROPIC_API_KEY
//   caching URL     asks a simulator: weir sim --listen 127.0.0.1:8080
#include <weir/weir.h>

#include <iostream>

int main(int argc, char** argv) {
  const std::string simulator = argc > 1 ? argv[1] : "";
  weir::EngineOptions where{.in_memory = true};
  weir::ModelOptions access;
  if (!simulator.empty()) {
    where.clock = "sim:" + simulator;
    access = {.api_key = "any", .endpoint = simulator + "/anthropic"};
  }

  auto engine = weir::Engine::create(where);
  if (!engine) return std::cerr << engine.error().text() << '\n', 1;
  auto base = (*engine)->model("anthropic/claude-sonnet-5", access);
  if (!base) return std::cerr << base.error().text() << '\n', 1;
  auto model = weir::optimize(**engine, std::move(*base), {.cache = {.enabled = true}});
  if (!model) return std::cerr << model.error().text() << '\n', 1;

  std::string manual = "Answer from this manual.\n";  // stands for your own long text
  for (int page = 1; page <= 400; ++page)
    manual += "Page " + std::to_string(page) + ": press the red button to stop the machine.\n";

  for (const std::string question : {"How do I stop it?", "Which colour?", "Which page?"}) {
    const auto answer = (*model)->invoke(weir::ask(question, manual));
    if (!answer) {
      std::cerr << answer.error().text() << '\n';
      return 1;
    }
    const auto& usage = answer->usage;
    std::cout << "cache " << weir::to_string(answer->cache_outcome) << ": " << usage.written().count
              << " tokens written, " << usage.cache_read.count << " read, " << usage.input.count
              << " uncached; cost " << weir::human_usd(answer->cost) << ", baseline "
              << weir::human_usd(answer->baseline) << '\n';
  }
}
