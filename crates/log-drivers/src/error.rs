/// Why a driver cannot be used as asked, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such driver.
    #[error("logger: no log driver named '{0}' is registered")]
    NoDriver(String),
    /// The driver has no such option.
    #[error("unknown log opt '{option}' for {driver} log driver")]
    UnknownOption {
        /// The option.
        option: String,
        /// The driver.
        driver: &'static str,
    },
    /// An option's value, or options together, make no sense.
    #[error("{0}")]
    Option(String),
}

impl Error {
    pub(crate) fn option(message: impl Into<String>) -> Self {
        Self::Option(message.into())
    }
}
