//! Variables: what they are worth at each instruction, and instructions with their values put in.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Dockerfile;
use crate::error::{Error, Problem};
use crate::expand::{Env, Expanded, Lexer};
use crate::instruction::{
    ArgItem, ExposedPort, Instruction, KeyValue, Kind, Mount, Sources, parse_exposed,
};
use crate::platform::Platform;
use crate::suggest::nearest;

/// What is given to a build from outside.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// The machine that builds.
    pub build_platform: Platform,
    /// The machine that it is built for.
    pub target_platform: Platform,
    /// `--target`.
    pub target: Option<String>,
}

/// The variables that FROM sees: platforms and the ARGs above the first FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Globals {
    /// Names and values.
    pub env: Env,
    /// ARGs above the first FROM, with or without a value.
    pub(crate) declared: BTreeSet<String>,
    lexer: Lexer,
}

impl Globals {
    /// Works them out.
    pub fn new(file: &Dockerfile, options: &BuildOptions) -> Result<Self, Error> {
        let mut globals = Self {
            env: platform_args(file, options),
            declared: BTreeSet::new(),
            lexer: Lexer::new(file.escape),
        };
        for instruction in &file.global_args {
            let Kind::Arg(items) = &instruction.kind else {
                continue;
            };
            for item in items {
                let value = match (options.build_args.get(&item.name), &item.default) {
                    (Some(given), _) => Some(given.clone()),
                    (None, Some(default)) => {
                        let expanded = globals.lexer.expand(default, &globals.env);
                        Some(expanded.map_err(|p| Error::at(p, instruction.span))?.text)
                    }
                    (None, None) => None,
                };
                globals.declared.insert(item.name.clone());
                if let Some(value) = value {
                    globals.env.set(&item.name, &value);
                }
            }
        }
        Ok(globals)
    }

    /// Expands the base or the platform of a FROM.
    pub fn expand(&self, word: &str) -> Result<Expanded, Problem> {
        self.lexer.expand(word, &self.env)
    }
}

/// BUILDPLATFORM, TARGETPLATFORM and their parts; build arguments may override them.
fn platform_args(file: &Dockerfile, options: &BuildOptions) -> Env {
    let (build, target) = (&options.build_platform, &options.target_platform);
    let last = || file.stages.last().and_then(|s| s.from.name.clone());
    let stage = options.target.clone().or_else(last);
    let mut env = Env::new();
    for (name, value) in [
        ("BUILDPLATFORM", build.to_string()),
        ("BUILDOS", build.os.clone()),
        ("BUILDOSVERSION", String::new()),
        ("BUILDARCH", build.architecture.clone()),
        ("BUILDVARIANT", build.variant.clone()),
        ("TARGETPLATFORM", target.to_string()),
        ("TARGETOS", target.os.clone()),
        ("TARGETOSVERSION", String::new()),
        ("TARGETARCH", target.architecture.clone()),
        ("TARGETVARIANT", target.variant.clone()),
        ("TARGETSTAGE", stage.unwrap_or_else(|| "default".to_owned())),
    ] {
        env.set(name, options.build_args.get(name).unwrap_or(&value));
    }
    env
}

/// ARGs that speak to the builder and are no variables of commands.
const NOT_IN_ENV: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// The search path of images that set none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables of a stage while its instructions are gone through.
#[derive(Debug, Clone)]
pub struct Scope {
    /// What commands see: ENV and ARG, the later one wins.
    pub env: Env,
    /// What the image will hold: the base image's variables and ENV.
    pub image_env: Env,
    /// The ARGs so far, with their values if they have one; they stand in the history of RUN.
    pub args: Vec<(String, Option<String>)>,
    lexer: Lexer,
}

/// An instruction with values put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What it says now; of ARG, the values that count.
    pub kind: Kind,
    /// The mounts of RUN.
    pub mounts: Vec<Mount>,
    /// The ports of EXPOSE.
    pub ports: Vec<(String, ExposedPort)>,
    /// Variables that were used but are nowhere set.
    pub undefined: Vec<Undefined>,
}

/// A variable that is nowhere set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: String,
    /// The one that is meant, perhaps.
    pub suggestion: Option<String>,
}

impl Scope {
    /// The beginning of a stage on an image with this environment.
    pub fn on_image<S: AsRef<str>>(file: &Dockerfile, env: impl IntoIterator<Item = S>) -> Self {
        let mut env = Env::from_pairs(env);
        if env.get("PATH").is_none() {
            env.set("PATH", DEFAULT_PATH);
        }
        Self {
            image_env: env.clone(),
            env,
            args: Vec::new(),
            lexer: Lexer::new(file.escape),
        }
    }

    /// The beginning of a stage on the stage that ends with this: ARGs stay, but the image's variables come first.
    #[must_use]
    pub fn on_stage(&self) -> Self {
        let mut scope = self.clone();
        for (name, value) in self.image_env.iter() {
            scope.env.set(name, value);
        }
        scope
    }

    /// Puts values into an instruction, and remembers the variables that it sets.
    pub fn apply(
        &mut self,
        instruction: &Instruction,
        globals: &Globals,
        options: &BuildOptions,
    ) -> Result<Applied, Error> {
        let mut putter = Putter {
            lexer: self.lexer,
            env: self.env.clone(),
            unmatched: BTreeSet::new(),
        };
        let mut kind = instruction.kind.clone();
        let mut mounts = Vec::new();
        let mut ports = Vec::new();
        let applied = match &mut kind {
            Kind::Arg(items) => self.declare(items, &mut putter, globals, options),
            Kind::Run(run) => run.mounts.iter().try_for_each(|spec| {
                mounts.push(spec.resolve(|word| putter.word(word))?);
                Ok(())
            }),
            Kind::Expose(words) => putter.ports(words, &mut ports),
            other => putter.put(other),
        };
        applied.map_err(|problem| Error::at(problem, instruction.span))?;
        if let Kind::Env(pairs) = &kind {
            for pair in pairs {
                self.env.set(&pair.key, &pair.value);
                self.image_env.set(&pair.key, &pair.value);
            }
        }
        Ok(Applied {
            kind,
            mounts,
            ports,
            undefined: self.undefined(&putter),
        })
    }

    /// ARG: a build argument, or the default, or the value above the first FROM.
    fn declare(
        &mut self,
        items: &mut [ArgItem],
        putter: &mut Putter,
        globals: &Globals,
        options: &BuildOptions,
    ) -> Result<(), Problem> {
        for item in items {
            let value = match (options.build_args.get(&item.name), &item.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(putter.word(default)?),
                (None, None) => globals.env.get(&item.name).map(str::to_owned),
            };
            item.default.clone_from(&value);
            if let Some(value) = &value
                && !NOT_IN_ENV.contains(&item.name.as_str())
            {
                self.env.set(&item.name, value);
                putter.env.set(&item.name, value);
            }
            self.args.push((item.name.clone(), value));
        }
        Ok(())
    }

    fn undefined(&self, putter: &Putter) -> Vec<Undefined> {
        let declared = |name: &String| self.args.iter().any(|(n, _)| n == name);
        let builder = |name: &String| NOT_IN_ENV.contains(&name.as_str());
        let names = putter.unmatched.iter();
        names
            .filter(|name| !declared(name) && !builder(name))
            .map(|name| Undefined {
                name: name.clone(),
                suggestion: nearest(name, putter.env.names(), true),
            })
            .collect()
    }
}

/// Puts values into words and remembers which were missing.
struct Putter {
    lexer: Lexer,
    env: Env,
    unmatched: BTreeSet<String>,
}

impl Putter {
    fn expand(&mut self, word: &str, lexer: Lexer) -> Result<Expanded, Problem> {
        let mut expanded = lexer.expand(word, &self.env)?;
        self.unmatched.append(&mut expanded.unmatched);
        Ok(expanded)
    }

    fn word(&mut self, word: &str) -> Result<String, Problem> {
        Ok(self.expand(word, self.lexer)?.text)
    }

    fn in_place(&mut self, word: &mut String) -> Result<(), Problem> {
        *word = self.word(word)?;
        Ok(())
    }

    fn pairs(&mut self, pairs: &mut [KeyValue]) -> Result<(), Problem> {
        pairs.iter_mut().try_for_each(|pair| {
            self.in_place(&mut pair.key)?;
            self.in_place(&mut pair.value)
        })
    }

    fn sources(&mut self, sources: &mut Sources) -> Result<(), Problem> {
        for path in &mut sources.paths {
            self.in_place(path)?;
        }
        self.in_place(&mut sources.destination)?;
        // The text of a file keeps its quotes, and its escape is always the backslash.
        let raw = Lexer {
            skip_quotes: true,
            ..Lexer::new('\\')
        };
        for file in sources.inline.iter_mut().filter(|f| f.expand) {
            file.text = self.expand(&file.text, raw)?.text;
        }
        Ok(())
    }

    /// A word of EXPOSE may become several ports.
    fn ports(
        &mut self,
        words: &mut Vec<String>,
        ports: &mut Vec<(String, ExposedPort)>,
    ) -> Result<(), Problem> {
        let mut all = Vec::new();
        for word in words.iter() {
            all.extend(self.expand(word, self.lexer)?.words);
        }
        // BuildKit's checks pass over ports.
        self.unmatched.clear();
        for word in &all {
            ports.push((word.clone(), parse_exposed(word)?));
        }
        *words = all;
        Ok(())
    }

    fn put(&mut self, kind: &mut Kind) -> Result<(), Problem> {
        match kind {
            Kind::Env(pairs) | Kind::Label(pairs) => self.pairs(pairs),
            Kind::Copy(copy) => {
                for word in [&mut copy.chown, &mut copy.chmod].into_iter().flatten() {
                    self.in_place(word)?;
                }
                self.sources(&mut copy.sources)
            }
            Kind::Add(add) => {
                let words = [&mut add.chown, &mut add.chmod, &mut add.checksum];
                for word in words.into_iter().flatten() {
                    self.in_place(word)?;
                }
                self.sources(&mut add.sources)
            }
            Kind::Workdir(word) | Kind::User(word) | Kind::StopSignal(word) => self.in_place(word),
            Kind::Volume(paths) => {
                for path in paths.iter_mut() {
                    self.in_place(path)?;
                    if path.is_empty() {
                        return Err(Problem::EmptyVolume);
                    }
                }
                Ok(())
            }
            // The shell expands in commands; the rest is taken as it stands.
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
