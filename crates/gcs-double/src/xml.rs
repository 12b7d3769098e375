//! The few documents of the XML API that pass to and fro.

use std::fmt::Write as _;

use crate::bucket::Page;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An answer to a listing.
pub(crate) fn listing(page: &Page<'_>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>");
    for (key, object) in &page.objects {
        let _ = write!(
            out,
            "<Contents><Key>{}</Key><Generation>{}</Generation><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            escape(key),
            object.generation,
            object.modified,
            escape(&object.etag),
            object.body.len()
        );
    }
    for prefix in &page.prefixes {
        let _ = write!(out, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escape(prefix));
    }
    let _ = write!(out, "<IsTruncated>{}</IsTruncated>", page.next.is_some());
    if let Some(next) = page.next {
        let _ = write!(out, "<NextContinuationToken>{}</NextContinuationToken>", escape(next));
    }
    out + "</ListBucketResult>"
}

/// An answer with one element in it.
pub(crate) fn answer(root: &str, element: &str, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root}><{element}>{}</{element}></{root}>",
        escape(text)
    )
}

/// Number and entity tag of each part in a request to finish an upload; `None` if that is not what it is.
pub(crate) fn parts(body: &str) -> Option<Vec<(u32, String)>> {
    let text = |part: &str, element: &str| {
        let (_, rest) = part.split_once(&format!("<{element}>"))?;
        let (text, _) = rest.split_once(&format!("</{element}>"))?;
        Some(text.trim().replace("&quot;", "\""))
    };
    let parts = body.split("<Part>").skip(1);
    parts.map(|part| Some((text(part, "PartNumber")?.parse().ok()?, text(part, "ETag")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_in_their_order() {
        let body = "<CompleteMultipartUpload><Part><ETag>\"a\"</ETag><PartNumber>2</PartNumber></Part>\
                    <Part><ETag>&quot;b&quot;</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
        assert_eq!(parts(body), Some(vec![(2, "\"a\"".to_owned()), (1, "\"b\"".to_owned())]));
        assert_eq!(parts("<Part><ETag>x</ETag></Part>"), None);
    }
}
