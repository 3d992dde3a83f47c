//! Registry logins.

use crate::json::body;

body! {
    /// `POST /auth`, and the `X-Registry-Auth` header (base64url of this).
    pub struct AuthConfig {
        /// User name.
        username: String => "username" omitempty,
        /// Password.
        password: String => "password" omitempty,
        /// base64 of `user:password`.
        auth: String => "auth" omitempty,
        /// Unused since 2016.
        email: String => "email" omitempty,
        /// Registry.
        server_address: String => "serveraddress" omitempty,
        /// OAuth refresh token.
        identity_token: String => "identitytoken" omitempty,
        /// Bearer token for the registry itself.
        registry_token: String => "registrytoken" omitempty,
    }

    /// `POST /auth`'s answer.
    pub struct AuthResponse {
        /// Token to keep instead of the password.
        identity_token: String => "IdentityToken",
        /// `Login Succeeded`.
        status: String => "Status",
    }
}
