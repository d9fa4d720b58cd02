#pragma once
// The token endpoint: a service account's JWT for an access token that lives for an hour. Claims are checked, the signature is not: the
// account's public key is Google's to know. Doc: https://developers.google.com/identity/protocols/oauth2/service-account (checked
// 2026-11-27)
#include <map>
#include <string>
#include <string_view>

#include "sim/provider.h"

namespace weir::sim::vertexAI {

class Tokens {
 public:
  explicit Tokens(World& world) : world_(world) {}

  Reply exchange(const Call& call);
  /// Who asks with this token: the e-mail of the account that it was made for; a token that was not made here is an account's own.
  /// "invalid" for one whose time is over.
  [[nodiscard]] std::string_view account_of(std::string_view token) const;
  void advance(Time now) { now_ = now; }
  [[nodiscard]] std::size_t made() const { return tokens_.size(); }

 private:
  struct Token {
    std::string email;
    Time until;
  };
  World& world_;
  Time now_;
  std::map<std::string, Token, std::less<>> tokens_;
};

}  // namespace weir::sim::vertexAI
