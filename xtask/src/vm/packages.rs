//! A private apt with one release of Debian, from the mirror of the machine's own configuration:
//! what it can reach, we can use. Nothing is installed on the machine.

use anyhow::Result;

use super::Suite;
use crate::shell;

/// Runs a script in a folder, after this: `apt` and its words are in the array `private`.
pub(super) fn script(suite: Suite, folder: &str, text: &str, vars: &[(&str, &str)]) -> Result<()> {
    let mut all = vec![("SUITE", suite.name()), ("FOLDER", folder)];
    all.extend_from_slice(vars);
    shell::script(&format!("{APT}{text}"), &all)?;
    Ok(())
}

const APT: &str = r#"
cd "$FOLDER"
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
[ -n "$mirror" ] || mirror=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^http/){print $i; exit}}' /etc/apt/sources.list 2>/dev/null) || true
[ -n "$mirror" ] || { echo "no Debian mirror in /etc/apt: the guests come from Debian's packages" >&2; exit 1; }
mkdir -p apt/lists/partial apt/cache/archives/partial
# Nothing is there yet: all that a package needs comes along.
: > apt/status
echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" > apt/sources.list
private=(-q -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/apt/lists"
  -o Dir::State::Status="$PWD/apt/status" -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User=root -o APT::Install-Recommends=false
  -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none)
apt-get "${private[@]}" update
"#;
