//! Secrets.

use std::collections::BTreeMap;

use crate::json::body;

body! {
    /// Counts the changes of an object.
    pub struct ObjectVersion {
        /// Grows with each change.
        index: u64 => "Index",
    }

    /// A driver, of swarm.
    pub struct SecretDriver {
        /// Its name.
        name: String => "Name" omitempty,
    }

    /// What a secret is; the data is only ever sent to us.
    pub struct SecretSpec {
        /// Name.
        name: String => "Name",
        /// Labels.
        labels: BTreeMap<String, String> => "Labels",
        /// The secret itself, in base64.
        data: String => "Data" omitempty,
        /// Where else it is kept; swarm only.
        driver: Option<SecretDriver> => "Driver" omitempty,
        /// How it is filled in; swarm only.
        templating: Option<SecretDriver> => "Templating" omitempty,
    }

    /// A secret, without what it hides.
    pub struct Secret {
        /// Identifier.
        id: String => "ID",
        /// Version.
        version: ObjectVersion => "Version",
        /// RFC 3339.
        created_at: String => "CreatedAt",
        /// RFC 3339.
        updated_at: String => "UpdatedAt",
        /// What it is.
        spec: SecretSpec => "Spec",
    }

    /// Answer of `POST /secrets/create`.
    pub struct SecretCreateResponse {
        /// Identifier.
        id: String => "ID",
    }

    /// The file in which a container finds a secret.
    pub struct SecretFile {
        /// Its name below `/run/secrets`.
        name: String => "Name",
        /// Owner.
        uid: String => "UID",
        /// Group.
        gid: String => "GID",
        /// Permissions.
        mode: u32 => "Mode",
    }

    /// A secret that a container uses.
    pub struct SecretReference {
        /// Where.
        file: SecretFile => "File",
        /// Identifier; filled in by the daemon.
        secret_id: String => "SecretID",
        /// Name.
        secret_name: String => "SecretName",
    }
}
