//! An image in the store, and from there at registries.

use gantry_reference::Reference;

use super::{Export, Outcome, Results, named};
use crate::progress::Teller;
use crate::{Built, Error, Event, Told};

impl Results<'_> {
    pub(super) async fn image(
        &self,
        export: &Export,
        built: &mut Built,
        teller: &Teller,
    ) -> Result<(), Error> {
        let names = named(&export.names)?;
        // The store has one platform of an image, and no index that could hold anything beside it.
        let beyond = if self.outcomes.len() > 1 {
            Some("an image of several platforms")
        } else {
            self.attests(export).then_some("an attestation of an image")
        };
        if let Some(what) = beyond.filter(|_| !export.push) {
            return Err(Error::NotSupported(format!(
                "{what} in the store, that is without --push or --output type=oci,"
            )));
        }
        if export.push && names.is_empty() {
            return Err(Error::Invalid(
                "tag is needed when pushing to registry".to_owned(),
            ));
        }
        let Some(first) = self.outcomes.first() else {
            return Ok(());
        };
        self.keep_in_store(export, &names, first, built, teller)
            .await
    }

    async fn keep_in_store(
        &self,
        export: &Export,
        names: &[Reference],
        first: &Outcome,
        built: &mut Built,
        teller: &Teller,
    ) -> Result<(), Error> {
        let part = |name: String| {
            teller.tell(Told::Part {
                name,
                current: 0,
                total: 0,
                finished: true,
            });
        };
        let images = self.install(export).await?;
        let Some((_, image)) = images.first() else {
            return Ok(());
        };
        let report = &first.work.report;
        part(format!("writing image {image}"));
        report(Event::Done(image.clone()));
        built.image = Some(image.clone());
        let mut tell = |key: &str, value: String| built.told.insert(key.to_owned(), value);
        tell("containerimage.digest", image.to_string());
        tell("containerimage.config.digest", image.to_string());
        if !names.is_empty() {
            let all: Vec<String> = names.iter().map(ToString::to_string).collect();
            tell("image.name", all.join(","));
        }
        // What is pushed by its digest alone gets no tag here, either.
        if self.outcomes.len() == 1 && !export.by_digest {
            let engine = &first.work.builder.engine;
            for name in names {
                let (repository, tag) = (name.repository(), name.tag().unwrap_or_default());
                engine.images.tag(image.as_str(), &repository, tag)?;
                part(format!("naming to {name}"));
                report(Event::Tagged(name.familiar()));
            }
        }
        if export.push {
            self.push(export, &images, names, built).await?;
            for name in names {
                part(format!("pushing {name}"));
            }
        }
        Ok(())
    }
}
