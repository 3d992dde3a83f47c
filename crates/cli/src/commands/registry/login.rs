//! `gantry login`

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _, stdin};

use gantry_api_types::{AuthConfig, AuthResponse};
use gantry_client::{Error, Kind};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::registry_auth::{self, server_name};
use crate::session::Session;

flags! {
    /// `gantry login`
    pub(crate) struct Login {
        /// Password or Personal Access Token (PAT)
        "password" 'p' => password: String,
        /// Take the Password or Personal Access Token (PAT) from stdin
        "password-stdin" => password_stdin: bool,
        /// Username
        "username" 'u' => username: String,
    }
}

impl Command for Login {
    const USAGE: &'static str = "[OPTIONS] [SERVER]";
    const ABOUT: &'static str = "Authenticate to a registry";
    const LONG: &'static str = "Authenticate to a registry.
Defaults to Docker Hub if no server is specified.";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let server = server_name(words.first().map_or("", String::as_str));
        let (username, password) = self.given()?;
        let client = session.client().await?;
        // Without anything said, a login that is there may still be good.
        if username.is_empty() && password.is_empty() {
            let known = registry_auth::login(session.config(), &server).map_err(Failure::new)?;
            if known.username.is_empty() && known.identity_token.is_empty() {
                return self.ask(session, &server, String::new()).await;
            }
            output::line("Authenticating with existing credentials...");
            let user = known.username.clone();
            let answer: Result<AuthResponse, Error> = authenticate(&client, &known).await;
            match answer {
                Ok(answer) => return finish(session, &server, known, answer),
                Err(error) if error.kind() == Kind::Unauthorized => {
                    eprintln!("Login did not succeed, error: {error}");
                    return self.ask(session, &server, user).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if username.is_empty() || password.is_empty() {
            return self.ask(session, &server, username).await;
        }
        sign_in(session, &server, username, password).await
    }
}

impl Login {
    /// What the options say.
    fn given(&self) -> Result<(String, String), Failure> {
        if !self.password.is_empty() {
            if self.password_stdin {
                return Err(Failure::new(
                    "--password and --password-stdin are mutually exclusive",
                ));
            }
            eprintln!("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
            return Ok((self.username.clone(), self.password.clone()));
        }
        if !self.password_stdin {
            return Ok((self.username.clone(), String::new()));
        }
        if self.username.is_empty() {
            return Err(Failure::new(
                "the --password-stdin option requires --username to be set",
            ));
        }
        let mut password = String::new();
        stdin().read_to_string(&mut password)?;
        let password = password.strip_suffix('\n').unwrap_or(&password);
        let password = password.strip_suffix('\r').unwrap_or(password);
        Ok((self.username.clone(), password.to_owned()))
    }

    /// Asks a person for what is missing.
    async fn ask(&self, session: &Session, server: &str, known: String) -> Result<(), Failure> {
        if !stdin().is_terminal() {
            return Err(Failure::new(
                "Error: Cannot perform an interactive login from a non TTY device",
            ));
        }
        let mut username = self.username.clone();
        if username.is_empty() {
            let default = if known.is_empty() {
                String::new()
            } else {
                format!(" ({known})")
            };
            output::print(format!("Username{default}: "));
            username = line()?;
            if username.is_empty() {
                username = known;
            }
        }
        if username.is_empty() {
            return Err(Failure::new("Error: Non-null Username Required"));
        }
        let mut password = self.password.clone();
        if password.is_empty() {
            output::print("Password: ");
            password = secret_line()?;
            output::line("");
        }
        if password.is_empty() {
            return Err(Failure::new("Error: Password Required"));
        }
        sign_in(session, server, username, password).await
    }
}

async fn sign_in(
    session: &Session,
    server: &str,
    username: String,
    password: String,
) -> Result<(), Failure> {
    let client = session.client().await?;
    let auth = AuthConfig {
        username,
        password,
        server_address: server.to_owned(),
        ..AuthConfig::default()
    };
    let answer = authenticate(&client, &auth).await?;
    finish(session, server, auth, answer)
}

async fn authenticate(
    client: &gantry_client::Client,
    auth: &AuthConfig,
) -> Result<AuthResponse, Error> {
    client.post("/auth").json(auth).send().await?.json().await
}

/// Keeps the login; an identity token takes the password's place.
fn finish(
    session: &Session,
    server: &str,
    mut auth: AuthConfig,
    answer: AuthResponse,
) -> Result<(), Failure> {
    if !answer.identity_token.is_empty() {
        auth.password.clear();
        auth.identity_token = answer.identity_token;
    }
    if let Some(file) =
        registry_auth::keep(session.config(), server, &auth).map_err(Failure::new)?
    {
        eprintln!(
            "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n",
            file.display()
        );
    }
    output::line(answer.status);
    Ok(())
}

fn line() -> Result<String, Failure> {
    let mut text = String::new();
    stdin().lock().read_line(&mut text)?;
    Ok(text.trim().to_owned())
}

/// Reads a line that the terminal does not show.
fn secret_line() -> Result<String, Failure> {
    std::io::stdout().flush()?;
    let terminal = stdin();
    let before = tcgetattr(&terminal).map_err(Failure::new)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Now, &silent).map_err(Failure::new)?;
    let text = line();
    tcsetattr(&terminal, OptionalActions::Now, &before).map_err(Failure::new)?;
    text
}
