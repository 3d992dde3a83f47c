//! A stream of JSON documents: progress, events, stats.

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny};

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
            // A type's own way of reading may hide that the text just ends too early.
            Some(Err(_)) if !self.ended && !is_whole(&self.buffer) => Ok(None),
            Some(Err(source)) => Err(Error::Decode {
                what: self.response.what().to_owned(),
                source,
            }),
        }
    }
}

/// Whether a buffer begins with a whole document, or with something that never becomes one.
fn is_whole(buffer: &[u8]) -> bool {
    let mut documents = serde_json::Deserializer::from_slice(buffer).into_iter::<IgnoredAny>();
    !matches!(documents.next(), Some(Err(error)) if error.is_eof())
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn a_document_is_whole_or_not() {
        assert!(is_whole(b"{\"stream\":\"a\"}{"));
        assert!(is_whole(b"{]"));
        assert!(!is_whole(b"{\"stream\":\"a"));
        assert!(!is_whole(b"{\"aux\":{\"ID\":\"a\"}"));
    }
}
