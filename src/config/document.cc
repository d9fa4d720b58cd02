#include "config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <utility>

namespace weir::config {
namespace {

constexpr std::string_view kPlain = "?";  // yaml-cpp's tag of an unquoted scalar

// Whether the quoted scalar at `at`, behind its anchor and tag, has its closing quote. yaml-cpp takes the end of the file for one,
// and everything up to it for the value.
bool is_closed(std::string_view text, int at) {
  auto rest = text.substr(std::min(static_cast<std::size_t>(std::max(at, 0)), text.size()));
  while (!rest.empty() && (rest[0] == '&' || rest[0] == '!')) {
    rest.remove_prefix(std::min(rest.find_first_of(" \t\r\n"), rest.size()));
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
  }
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\''))
    return true;  // a block, or a tag of its own
  const char quote = rest[0];
  for (std::size_t i = 1; i < rest.size(); ++i) {
    const bool doubled = quote == '\'' && rest.substr(i).starts_with("''");
    if (doubled || (quote == '"' && rest[i] == '\\')) ++i;
    else if (rest[i] == quote) return true;
  }
  return false;
}

/// Builds the tree from yaml-cpp's events. After the first fault it only waits for the end.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string text, std::string file_name)
      : text_(std::move(text)), file_name_(std::move(file_name)) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(node_at(TreeNode::Kind::kNull, mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    TreeNode node = node_at(TreeNode::Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag != kPlain;
    if (node.quoted && !is_closed(text_, mark.pos)) return refuse(mark, "a quote without its end");
    attach(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return refuse(mark, "an alias to what is not complete yet");
    nodes_ += found->second.second;
    if (nodes_ > kNodesMax) return refuse(mark, "aliases repeat too much");
    attach(found->second.first, YAML::NullAnchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(TreeNode::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(TreeNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] std::expected<TreeNode, Notice> take() {
    if (fault_) return std::unexpected(*std::move(fault_));
    return std::move(root_);
  }

 private:
  struct Frame {
    TreeNode node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::size_t nodes_before = 0;
    std::optional<Member> key;  // read, its value is not
  };

  static TreeNode node_at(TreeNode::Kind kind, const YAML::Mark& mark) {
    TreeNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  void refuse(const YAML::Mark& mark, std::string what) {
    if (!fault_) fault_ = Notice{{file_name_, mark.line + 1, mark.column + 1}, std::move(what), ""};
  }
  void open(TreeNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= kDepthMax)
      refuse(mark, fmt::format("nested deeper than {} levels", kDepthMax));
    if (fault_) return;
    stack_.push_back({node_at(kind, mark), anchor, nodes_, std::nullopt});
  }
  void close() {
    if (fault_) return;
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    attach(std::move(frame.node), frame.anchor, frame.nodes_before);
  }
  void attach(TreeNode node, YAML::anchor_t anchor) { attach(std::move(node), anchor, nodes_); }
  void attach(TreeNode node, YAML::anchor_t anchor, std::size_t nodes_before) {
    if (fault_) return;
    ++nodes_;
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, nodes_ - nodes_before};
    if (nodes_ > kNodesMax) return refuse({}, fmt::format("more than {} values", kNodesMax));
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = stack_.back();
    if (parent.node.kind == TreeNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.key) {
      parent.key->value = std::move(node);
      parent.node.members.push_back(*std::exchange(parent.key, std::nullopt));
    } else if (node.kind != TreeNode::Kind::kScalar) {
      fault_ = Notice{{file_name_, node.line, node.column}, "a key must be text", ""};
    } else {
      parent.key = Member{std::move(node.text), node.line, node.column, {}};
    }
  }

  std::string text_, file_name_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, std::pair<TreeNode, std::size_t>> anchors_;
  std::size_t nodes_ = 0;
  TreeNode root_;
  std::optional<Notice> fault_;
};

// The length of the UTF-8 sequence at `at`; 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xc0U) != 0x80) return 0;
  return length;
}

// What yaml-cpp would take for the end of the file or for another encoding, and would read past without a word.
std::optional<Notice> check_bytes(std::string_view text, const std::string& file_name) {
  if (text.size() > kFileBytesMax)
    return Notice{{file_name, 1, 1}, fmt::format("larger than {} bytes", kFileBytesMax), ""};
  int line = 1, column = 1;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const auto length = sequence_length(text, at);
    if (length == 0) return Notice{{file_name, line, column}, "not UTF-8", "save it as UTF-8"};
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
      return Notice{{file_name, line, column},
                    fmt::format("control character {:#04x}", c),
                    "remove it, or write it as \"\\x..\""};
    at += length;
    column = c == '\n' ? 1 : column + static_cast<int>(length);
    line += c == '\n' ? 1 : 0;
  }
  return std::nullopt;
}

}  // namespace

const TreeNode* TreeNode::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : &found->value;
}

std::expected<TreeNode, Notice> read_document(std::string_view text, const std::string& file_name) {
  if (auto fault = check_bytes(text, file_name)) return std::unexpected(*std::move(fault));
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  // With a line break at its end, or yaml-cpp does not say where the end is.
  const std::string whole = std::string(text) + "\n";
  Builder builder(whole, file_name);
  try {
    std::istringstream stream(whole);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return TreeNode{};
    Builder rest(whole, file_name);
    if (parser.HandleNextDocument(rest)) {
      const auto more = rest.take();
      return std::unexpected(Notice{{file_name, more ? more->line : 1, more ? more->column : 1},
                                    "a second document",
                                    "one file is one configuration: remove what begins with ---"});
    }
  } catch (const YAML::Exception& error) {
    return std::unexpected(
        Notice{{file_name, std::max(error.mark.line, 0) + 1, std::max(error.mark.column, 0) + 1},
               "not YAML: " + error.msg,
               "check indentation, quotes and brackets before this place"});
  } catch (const std::exception& error) {
    return std::unexpected(Notice{{file_name, 1, 1}, std::string("not YAML: ") + error.what(), ""});
  }
  return builder.take();
}

}  // namespace weir::config
