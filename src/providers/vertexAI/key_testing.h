#pragma once
// For tests: keys made on the spot, a service account's key around one, and the check of a signature by OpenSSL.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "json/write.h"

namespace weir::providers::vertexAI {

using TestKey = std::shared_ptr<EVP_PKEY>;

inline TestKey rsa_key() { return {EVP_RSA_gen(2048), EVP_PKEY_free}; }
inline TestKey ec_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

/// @param password empty: not encrypted
inline std::string pem_of(const TestKey& key, std::string password = "") {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  const auto* cipher = password.empty() ? nullptr : EVP_aes_128_cbc();
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), cipher,
                                          password.empty() ? nullptr : password.data(),
                                          static_cast<int>(password.size()), nullptr, nullptr),
            1);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

inline std::string account_json(std::string_view pem,
                                std::string_view uri = "https://oauth2.googleapis.com/token") {
  json::Writer out;
  out.begin_object().field("type", "service_account").field("project_id", "p");
  out.field("private_key_id", "kid-1").field("private_key", pem);
  out.field("client_email", "weir@p.iam.gserviceaccount.com").field("token_uri", uri);
  return out.end_object().take();
}

/// By OpenSSL's own decoder: padded, with + and /.
inline std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const std::size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string out(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  EXPECT_GE(size, 0);
  out.resize(static_cast<std::size_t>(std::max(size, 0)) - padding);
  return out;
}

inline bool is_signed(const TestKey& key, std::string_view text, const std::string& signature) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  EXPECT_EQ(EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()), 1);
  return EVP_DigestVerify(digest.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()) == 1;
}

}  // namespace weir::providers::vertexAI
