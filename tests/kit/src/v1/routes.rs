//! The paths of the protocol v1, as values.

/// What a request is about. Names of repositories have their namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `_ping`
    Ping,
    /// `users/`
    Users,
    /// `search`
    Search,
    /// `repositories/NAME/`
    Repository(String),
    /// `repositories/NAME/images`
    Images(String),
    /// `repositories/NAME/tags`
    Tags(String),
    /// `repositories/NAME/tags/TAG`
    Tag(String, String),
    /// `images/ID/PART`
    Image(String, Part),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Json,
    Layer,
    Ancestry,
    Checksum,
}

/// The route of a path, which begins with `/v1/`.
pub(super) fn route(path: &str) -> Option<Route> {
    let rest = path.strip_prefix("/v1/")?;
    match rest {
        "_ping" => return Some(Route::Ping),
        "users/" => return Some(Route::Users),
        "search" => return Some(Route::Search),
        _ => {}
    }
    let (kind, rest) = rest.split_once('/')?;
    match kind {
        "images" => {
            let (id, part) = rest.split_once('/')?;
            let part = match part {
                "json" => Part::Json,
                "layer" => Part::Layer,
                "ancestry" => Part::Ancestry,
                "checksum" => Part::Checksum,
                _ => return None,
            };
            super::store::is_id(id).then(|| Route::Image(id.to_owned(), part))
        }
        "repositories" => {
            if let Some(name) = rest.strip_suffix("/images") {
                return Some(Route::Images(full(name)));
            }
            if let Some(name) = rest.strip_suffix("/tags") {
                return Some(Route::Tags(full(name)));
            }
            if let Some((name, tag)) = rest.rsplit_once("/tags/") {
                return Some(Route::Tag(full(name), tag.to_owned()));
            }
            rest.strip_suffix('/').map(|name| Route::Repository(full(name)))
        }
        _ => None,
    }
}

/// A name without a namespace is of `library`.
fn full(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("library/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_routes() {
        let id = "5".repeat(64);
        let known = [
            ("/v1/_ping".to_owned(), Route::Ping),
            ("/v1/repositories/demo/app/".to_owned(), Route::Repository("demo/app".into())),
            ("/v1/repositories/app/images".to_owned(), Route::Images("library/app".into())),
            ("/v1/repositories/demo/app/tags".to_owned(), Route::Tags("demo/app".into())),
            (
                "/v1/repositories/app/tags/1.0".to_owned(),
                Route::Tag("library/app".into(), "1.0".into()),
            ),
            (format!("/v1/images/{id}/layer"), Route::Image(id.clone(), Part::Layer)),
        ];
        for (path, expected) in known {
            assert_eq!(route(&path), Some(expected), "{path}");
        }
        for path in ["/v2/", "/v1/images/short/json", "/v1/repositories/app", "/v1/other"] {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
