//! The request that is explained: a head as the gateway would read it, from a URL or path and header fields.
//! What the gateway refuses before it looks for a route is told as the reason why there is nothing to explain.

use maitred_http::{Authority, Known, Method, PathRules, RequestHead};

use crate::arguments::HeaderArgument;

/// The head, or why the gateway would refuse such a request.
pub(super) fn request(method: Method, url: &str, headers: &[HeaderArgument]) -> Result<RequestHead, String> {
    let mut head = RequestHead { method, ..RequestHead::default() };
    let text = url.split_once('#').map_or(url, |(text, _)| text);
    let refused =
        |error: maitred_http::TargetError| format!("the gateway answers 400 to `{url}`: {}", error.as_str());
    let authority = head.target.parse(text.as_bytes(), PathRules::Strict).map_err(refused)?;
    let host = headers.iter().find(|header| header.name.known() == Some(Known::Host));
    // A field `Host` counts more than the URL, as with curl: so hosts are tried that point nowhere yet.
    let host = match (host, authority) {
        (Some(host), _) => host.value.as_bytes(),
        (None, Some(authority)) => authority,
        (None, None) => b"localhost",
    };
    head.authority = Authority::default();
    head.authority.parse(host).map_err(|_| format!("`{}` is no host", String::from_utf8_lossy(host)))?;
    head.fields.append_known(Known::Host, host);
    for header in headers.iter().filter(|header| header.name.known() != Some(Known::Host)) {
        head.fields.append(&header.name, header.value.as_bytes());
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use maitred_http::FieldName;

    use super::*;

    fn header(name: &str, value: &str) -> HeaderArgument {
        HeaderArgument { name: FieldName::parse(name).unwrap(), value: value.to_owned() }
    }

    fn told(url: &str, headers: &[HeaderArgument]) -> (String, String) {
        let head = request(Method::Get, url, headers).unwrap();
        (head.authority.as_str().to_owned(), head.target.as_str().to_owned())
    }

    #[test]
    fn the_host_comes_from_the_url_unless_a_field_names_one() {
        assert_eq!(told("http://API.example:8080/a?b#c", &[]), ("api.example:8080".into(), "/a?b".into()));
        assert_eq!(told("/a", &[]), ("localhost".into(), "/a".into()));
        assert_eq!(told("http://a", &[header("host", "b")]), ("b".into(), "/".into()));
    }

    #[test]
    fn what_the_gateway_refuses_is_told() {
        let error = request(Method::Get, "/a/../b", &[]).unwrap_err();
        assert_eq!(error, "the gateway answers 400 to `/a/../b`: the path has a dot segment");
        assert!(request(Method::Get, "users", &[]).is_err());
        assert!(request(Method::Get, "/", &[header("host", "a b")]).is_err());
    }
}
