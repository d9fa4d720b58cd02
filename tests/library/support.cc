#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <regex>
#include <sstream>
#include <vector>

namespace weir_test {
namespace {

// What the command prints; empty where it fails.
std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (const auto count = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, count);
  ::pclose(pipe);
  return out;
}

}  // namespace

Simulator::Simulator(const std::string& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  // Prices and models are dated: virtual time begins on a fixed day, whatever the day of the test.
  const bool own_epoch = options.find("--epoch") != std::string::npos;
  std::istringstream words("weir sim --listen 127.0.0.1:0 " + options +
                           (own_epoch ? "" : " --epoch 2026-11-23T00:00:00Z"));
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  std::vector<char*> raw;
  for (auto& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const char* program = std::getenv("WEIR_PROGRAM");
  if (program == nullptr) program = WEIR_PROGRAM;
  if (::posix_spawn(&pid_, program, &actions, nullptr, raw.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string line;
  for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
  ::close(ends[0]);
  std::smatch found;
  if (!std::regex_search(line, found, std::regex("http://[0-9.:]+"))) std::abort();
  url_ = found.str();
}

Simulator::~Simulator() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

std::string Simulator::bill() const {
  const auto text = output_of("curl -s '" + url_ + "/_sim/bill?format=jsonl'");
  std::int64_t pico = 0;
  const std::regex field("\"pico_usd\":\"?(\\d+)");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), field);
       at != std::sregex_iterator(); ++at)
    pico += std::stoll((*at)[1].str());
  return weir::to_usd(weir::Money{pico});
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "weir-library-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

std::unique_ptr<weir::Engine> engine_on(const Simulator& simulator, const std::string& store) {
  auto engine = weir::Engine::create({.store = store, .clock = simulator.clock()});
  EXPECT_EQ(why(engine), "");
  return engine ? std::move(*engine) : nullptr;
}

std::unique_ptr<weir::ChatModel> model_of(weir::Engine& engine, const Simulator& simulator,
                                          const std::string& name) {
  const auto provider = name.substr(0, name.find('/'));
  auto model =
      engine.model(name, {.api_key = "test-key", .endpoint = simulator.endpoint(provider)});
  EXPECT_EQ(why(model), "");
  return model ? std::move(*model) : nullptr;
}

std::string long_text(int tokens) {
  std::string text = "Answer with one of the categories: ";
  while (static_cast<int>(text.size()) < tokens * 5)
    text += "invoices, contracts, letters, reports and photographs; ";
  return text;
}

}  // namespace weir_test
