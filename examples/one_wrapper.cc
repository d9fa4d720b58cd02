// One wrapper over four providers: the same code asks each model, with what its provider offers.
//
//   one_wrapper [URL] [PROVIDER/MODEL...]     `weir models` lists what there is
//
// Keys are in ANTHROPIC_API_KEY, OPENAI_API_KEY and so on; with URL, a simulator is asked instead.
#include <weir/weir.h>

#include <iostream>

// Knows no provider: any ChatModel will do, an optimised one or one of your own.
void ask_it(weir::ChatModel& model) {
  const auto answer = model.invoke(weir::ask("Name a colour", "Answer in a word."));
  if (answer)
    std::cout << answer->text << ", cost " << weir::human_usd(answer->cost) << ", baseline "
              << weir::human_usd(answer->baseline) << '\n';
  else std::cout << answer.error().text() << '\n';
}

// Where the simulator has the provider's API.
std::string path_of(std::string_view name) {
  const std::string provider(name.substr(0, name.find('/')));
  if (provider == "openAI") return "/openAI/v1";
  return provider == "groq" ? "/groq/openai/v1" : "/" + provider;
}

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  std::string simulator;
  if (!names.empty() && names.front().starts_with("http")) {
    simulator = names.front();
    names.erase(names.begin());
  }
  if (names.empty())
    names = {"anthropic/claude-sonnet-5", "openAI/gpt-6-luna", "gemini/gemini-2.5-flash",
             "groq/openai/gpt-oss-20b"};

  auto engine = weir::Engine::create(
      {.in_memory = true, .clock = simulator.empty() ? "" : "sim:" + simulator});
  if (!engine) return std::cerr << engine.error().text() << '\n', 1;
  for (const auto& name : names) {
    weir::ModelOptions access;
    if (!simulator.empty()) access = {.api_key = "any", .endpoint = simulator + path_of(name)};
    auto base = (*engine)->model(name, access);
    if (!base) return std::cerr << name << ": " << base.error().text() << '\n', 1;
    auto model = weir::optimize(**engine, std::move(*base),
                                {.batch = {.enabled = true}, .cache = {.enabled = true}});
    if (!model) return std::cerr << name << ": " << model.error().text() << '\n', 1;
    std::cout << name << " (batch " << ((*model)->can_batch() ? "yes" : "no") << ", cache "
              << weir::to_string((*model)->cache_strategy()) << "): ";
    ask_it(**model);
  }
}
