#pragma once
// What we read of S3's XML: the texts of elements by their name, wherever they stand. No parser of XML: what S3 answers here has no
// attributes, comments or CDATA on these elements, and whatever else comes is skipped.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::providers::bedrock {

/// The text between <name> and the next </name>, its entities replaced; of the first such element.
std::optional<std::string> element_text(std::string_view xml, std::string_view name);
/// Of all of them in order, at most `most`.
std::vector<std::string> element_texts(std::string_view xml, std::string_view name,
                                       std::size_t most);

}  // namespace weir::providers::bedrock
