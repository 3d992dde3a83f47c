//! A stream of JSON documents: progress, events, stats.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::{Error, Response};

/// Reads JSON documents that follow each other, with or without lines between them.
pub struct JsonLines<T> {
    response: Response,
    buffer: Vec<u8>,
    ended: bool,
    documents: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
            ended: false,
            documents: PhantomData,
        }
    }

    /// The next document; `None` at the end of the stream.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        loop {
            if let Some(document) = self.parse()? {
                return Ok(Some(document));
            }
            if self.ended {
                return Ok(None);
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.ended = true,
            }
        }
    }

    /// The first document of the buffer, if it is there in full.
    fn parse(&mut self) -> Result<Option<T>, Error> {
        let mut documents = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<T>();
        match documents.next() {
            None => {
                self.buffer.clear();
                Ok(None)
            }
            Some(Ok(document)) => {
                let used = documents.byte_offset();
                self.buffer.drain(..used);
                Ok(Some(document))
            }
            Some(Err(error)) if error.is_eof() && !self.ended => Ok(None),
            Some(Err(source)) => Err(Error::Decode {
                what: self.response.what().to_owned(),
                source,
            }),
        }
    }
}
