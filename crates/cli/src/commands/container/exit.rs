//! How a container ended.

use gantry_api_types::WaitResponse;
use gantry_client::{Client, Error};

use crate::failure::Failure;

/// The next end of a container, or its removal.
pub(crate) struct Exit(tokio::task::JoinHandle<Result<WaitResponse, Error>>);

impl Exit {
    /// Asks the daemon to tell how the container ends; it is asked when this returns, so that a
    /// container started afterwards cannot end unseen.
    pub(crate) async fn of(client: &Client, id: &str, until_removed: bool) -> Result<Self, Error> {
        let condition = if until_removed {
            "removed"
        } else {
            "next-exit"
        };
        let path = Client::path("/containers/", id, "/wait");
        // The head of the answer comes at once, the answer itself at the end.
        let response = client
            .post(path)
            .query("condition", condition)
            .send()
            .await?;
        Ok(Self(tokio::spawn(response.json())))
    }

    /// Waits for the end and makes it our own exit status.
    pub(crate) async fn status(self) -> Result<(), Failure> {
        match self.0.await {
            Ok(Ok(WaitResponse {
                error: Some(error), ..
            })) => Err(Failure::with_code(
                125,
                format!("Error waiting for container: {}", error.message),
            )),
            Ok(Ok(WaitResponse { status_code: 0, .. })) => Ok(()),
            Ok(Ok(WaitResponse { status_code, .. })) => Err(Failure::status(status_code)),
            Ok(Err(error)) => Err(Failure::with_code(
                125,
                format!("Error waiting for container: {error}"),
            )),
            Err(error) => Err(Failure::with_code(125, error)),
        }
    }
}
