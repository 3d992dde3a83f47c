//! Which context a command is for.

use crate::config_file::ConfigFile;
use crate::failure::Failure;
use crate::globals::Globals;

/// The name of the context that is always there: the local daemon, or the one of `DOCKER_HOST`.
pub(crate) const DEFAULT: &str = "default";

/// The environment's word for the daemon, ours first.
const HOST_VARIABLES: [&str; 2] = ["GANTRY_HOST", "DOCKER_HOST"];

/// What decides which daemon a command talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Current {
    /// An address, and what said it.
    Host(String, Source),
    /// A context by name.
    Context(String),
    /// Nothing: the local daemon.
    Local,
}

/// What said an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-H`
    Flag,
    /// A variable.
    Variable(&'static str),
}

impl Current {
    /// Options first, then the environment, then the configuration file.
    pub(crate) fn of(globals: &Globals, config: &ConfigFile) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let context = |name: String| {
            if name == DEFAULT {
                Self::Local
            } else {
                Self::Context(name)
            }
        };
        match (globals.host.as_slice(), &globals.context) {
            ([], None) => {}
            ([], Some(name)) => return Ok(context(name.clone())),
            ([host], None) => return Ok(Self::Host(host.clone(), Source::Flag)),
            ([_], Some(_)) => {
                return Err(Failure::new(
                    "conflicting options: cannot specify both --host and --context",
                ));
            }
            _ => return Err(Failure::new("specify only one -H")),
        }
        for name in HOST_VARIABLES {
            if let Some(host) = variable(name) {
                return Ok(Self::Host(host, Source::Variable(name)));
            }
        }
        let named = variable("DOCKER_CONTEXT").or_else(|| {
            config
                .current_context
                .clone()
                .filter(|name| !name.is_empty())
        });
        Ok(named.map_or(Self::Local, context))
    }

    /// The context's name as `context show` prints it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Context(name) => name,
            Self::Host(..) | Self::Local => DEFAULT,
        }
    }

    /// The variable that has more to say than the configuration file.
    pub(crate) fn overriding_variable(&self) -> Option<&'static str> {
        match self {
            Self::Host(_, Source::Variable(name)) => Some(name),
            _ => None,
        }
    }
}
