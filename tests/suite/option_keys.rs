//! Every option has an effect: nothing is accepted and ignored.
//!
//! The library says which keys a document has; each stands here with the test that shows its effect. A key that is added
//! to the library without a line here fails.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;

use crate::c_surface::images::Session;
use crate::c_surface::{Failure, Outcome, Service, c, call};
use ocireg::credentials::AuthConfig;
use ocireg::ffi::*;
use ocireg_testkit::image::Spec;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::{Auth, Registry, Reply, Server, ServerOptions, TokenServer, digest};
use serde_json::{Value, json};

const DIGEST_MISMATCH: i32 = 100;
const SIZE_MISMATCH: i32 = 101;
const LIMIT: i32 = 103;

/// What shows that a key is obeyed: a file, and a test of it that uses the key.
struct By(&'static str, &'static str);

fn push() -> Value {
    json!({"actions": ["pull", "push"]})
}

const KEYS: &[(&str, &[(&str, By)])] = &[
    (
        "service",
        &[
            ("registry-mirrors", By("faults.rs", "f17_a_mirror_that_fails_gives_way_to_the_next")),
            (
                "insecure-registries",
                By("service.rs", "a_real_daemon_json_is_read_and_explicit_options_win"),
            ),
            (
                "allow-nondistributable-artifacts",
                By("service.rs", "a_load_that_fails_changes_nothing"),
            ),
            ("certs-dir", By("credentials.rs", "pulls_use_them_and_only_at_their_registry")),
            ("hosts-dir", By("mirrors.rs", "one_file_alone_says_who_is_asked")),
            ("registries-conf", By("mirrors.rs", "one_file_alone_says_who_is_asked")),
            ("docker-config", By("credentials.rs", "the_sources_are_asked_in_order")),
            (
                "daemon-json",
                By("service.rs", "a_real_daemon_json_is_read_and_explicit_options_win"),
            ),
            ("credentials", By("credentials.rs", "the_sources_are_asked_in_order")),
            ("resolve", By("credentials.rs", "pulls_use_them_and_only_at_their_registry")),
            ("proxy", By("interrupt.rs", "interrupted_waiting_for_a_proxy")),
            ("user-agent", By("service.rs", "a_program_is_named_in_front_of_the_library")),
            ("user-agent-prefix", By("service.rs", "a_program_is_named_in_front_of_the_library")),
            ("timeouts", By("interrupt.rs", "a_call_has_its_time")),
            ("retry", By("faults.rs", "f8_a_wait_that_is_too_long_is_told_instead")),
            ("limits", By("hostile.rs", "c1_caps_are_kept_to_the_byte")),
            (
                "max-concurrent-downloads",
                By("pull.rs", "several_blobs_move_at_once_but_never_more_than_a_host_may"),
            ),
            (
                "parallel-range-bytes",
                By("parallel.rs", "several_ranges_are_faster_where_each_connection_is_slow"),
            ),
            (
                "max-concurrent-requests",
                By("pace.rs", "no_more_requests_wait_at_a_host_than_allowed_over_all_calls"),
            ),
            (
                "max-concurrent-uploads",
                By("copy.rs", "a_host_gets_no_more_uploads_at_once_than_allowed"),
            ),
            (
                "credential-helper-timeout-ms",
                By("credentials.rs", "d2_d3_d5_bad_helpers_are_errors_within_their_time"),
            ),
            (
                "environment",
                By("proxies.rs", "d9_the_environment_is_read_only_if_the_options_let_it"),
            ),
            (
                "preload",
                By(
                    "guest.rs",
                    "preloaded_certificates_are_there_after_a_change_of_the_root_directory",
                ),
            ),
            ("v1", By("login.rs", "v1_is_asked_last_and_only_where_it_is_wanted")),
            ("trusted-realms", By("origin.rs", "a4_realms_are_trusted_for_one_registry_each")),
            (
                "allow-upload-hosts",
                By(
                    "upload.rs",
                    "a12_an_upload_goes_elsewhere_only_by_name_and_without_credentials",
                ),
            ),
            ("allow-foreign-urls", By("origin.rs", "a1_an_allowed_foreign_url_gives_the_layer")),
            (
                "allow-plain-http-credentials",
                By(
                    "origin.rs",
                    "a17_an_insecure_host_is_asked_over_http_but_gets_no_credentials_there_by_itself",
                ),
            ),
            (
                "allow-v1-endpoints",
                By("v1.rs", "a26_a_list_of_images_goes_to_no_host_that_was_not_allowed"),
            ),
        ],
    ),
    (
        "proxy",
        &[
            (
                "http-proxy",
                By(
                    "proxies.rs",
                    "f28_an_insecure_registry_without_https_is_asked_over_http_through_the_proxy_for_http",
                ),
            ),
            (
                "https-proxy",
                By(
                    "proxies.rs",
                    "a20_a_proxys_credentials_go_to_that_proxy_alone_and_each_hop_has_its_own_proxy",
                ),
            ),
            (
                "no-proxy",
                By(
                    "proxies.rs",
                    "a20_a_proxys_credentials_go_to_that_proxy_alone_and_each_hop_has_its_own_proxy",
                ),
            ),
        ],
    ),
    (
        "timeouts",
        &[
            ("connect-ms", By("interrupt.rs", "f4_each_phase_has_its_time")),
            ("tls-ms", By("interrupt.rs", "f4_each_phase_has_its_time")),
            ("header-ms", By("interrupt.rs", "f4_each_phase_has_its_time")),
            ("idle-ms", By("interrupt.rs", "f4_each_phase_has_its_time")),
            ("auth-ms", By("interrupt.rs", "f4_each_phase_has_its_time")),
            ("min-bytes-per-second", By("interrupt.rs", "f5_a_body_has_a_least_speed")),
            ("total-ms", By("interrupt.rs", "a_call_has_its_time")),
        ],
    ),
    (
        "retry",
        &[
            (
                "max-attempts",
                By("option_keys.rs", "the_waits_between_attempts_are_the_options_own"),
            ),
            ("initial-ms", By("option_keys.rs", "the_waits_between_attempts_are_the_options_own")),
            ("max-ms", By("option_keys.rs", "the_waits_between_attempts_are_the_options_own")),
            ("max-retry-after-ms", By("faults.rs", "f8_a_wait_that_is_too_long_is_told_instead")),
        ],
    ),
    (
        "limits",
        &[
            ("manifest", By("hostile.rs", "c1_caps_are_kept_to_the_byte")),
            ("config", By("hostile.rs", "c1_caps_are_kept_to_the_byte")),
            ("token", By("hostile.rs", "c1_caps_are_kept_to_the_byte")),
            ("error", By("option_keys.rs", "limits_on_errors_depth_and_addresses")),
            ("list", By("hostile.rs", "c1_caps_are_kept_to_the_byte")),
            ("pages", By("hostile.rs", "c6_pages_without_end")),
            ("children", By("hostile.rs", "c6_more_children_than_anybody_has")),
            ("depth", By("option_keys.rs", "limits_on_errors_depth_and_addresses")),
            ("urls", By("option_keys.rs", "limits_on_errors_depth_and_addresses")),
            ("total", By("memory.rs", "c6_all_documents_of_a_call_count_together")),
            ("spool", By("v1_layers.rs", "a_limit_on_the_temporary_file")),
        ],
    ),
    (
        "config",
        &[
            ("registry-mirrors", By("service.rs", "a_load_that_fails_changes_nothing")),
            ("insecure-registries", By("service.rs", "a_load_that_fails_changes_nothing")),
            (
                "allow-nondistributable-artifacts",
                By("service.rs", "a_load_that_fails_changes_nothing"),
            ),
            (
                "daemon-json",
                By("service.rs", "a_real_daemon_json_is_read_and_explicit_options_win"),
            ),
        ],
    ),
    (
        "session_open",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("auth", By("echo.rs", "a_failure_that_stays_is_masked_in_later_calls_too")),
            ("actions", By("tokens.rs", "the_order_of_actions_makes_no_second_token")),
            ("protocol", By("pull.rs", "sessions_tell_what_they_are_and_give_manifests")),
            ("registry", By("option_keys.rs", "a_session_of_a_whole_registry")),
        ],
    ),
    (
        "resolve_endpoints",
        &[("actions", By("mirrors.rs", "changes_go_to_the_hosts_that_take_them"))],
    ),
    (
        "list_tags",
        &[
            ("n", By("pull.rs", "tags_come_page_by_page_where_that_is_wanted")),
            ("last", By("pull.rs", "tags_come_page_by_page_where_that_is_wanted")),
            ("next", By("pull.rs", "tags_come_page_by_page_where_that_is_wanted")),
        ],
    ),
    (
        "get_manifest",
        &[
            (
                "platform",
                By("images.rs", "an_image_without_a_stated_platform_is_found_by_its_configuration"),
            ),
            ("accept", By("images.rs", "a_type_that_the_caller_accepts_is_given_as_it_came")),
            ("max_size", By("hostile.rs", "c1_caps_are_kept_to_the_byte")),
        ],
    ),
    (
        "head_manifest",
        &[("accept", By("images.rs", "a_type_that_the_caller_accepts_is_given_as_it_came"))],
    ),
    (
        "open_blob",
        &[
            ("size", By("hostile.rs", "a_reader_ends_only_after_the_digest_was_right")),
            ("media_type", By("origin.rs", "a1_an_allowed_foreign_url_gives_the_layer")),
            ("urls", By("origin.rs", "a1_an_allowed_foreign_url_gives_the_layer")),
            ("decompress", By("layers.rs", "a_layer_is_read_without_its_compression")),
            ("diff_id", By("layers.rs", "what_comes_out_must_have_the_diff_id")),
            ("max_size", By("layers.rs", "a_bomb_ends_at_the_limit")),
        ],
    ),
    (
        "blob",
        &[
            ("size", By("read_at.rs", "the_end_is_found_without_a_known_size")),
            ("chunks", By("read_at.rs", "chunks_are_verified_before_a_byte_of_them_is_given_out")),
            ("media_type", By("read_at.rs", "foreign_layers_are_read_where_their_descriptors_say")),
            ("urls", By("read_at.rs", "foreign_layers_are_read_where_their_descriptors_say")),
        ],
    ),
    (
        "chunk",
        &[
            ("offset", By("read_at.rs", "chunks_must_cover_what_is_read_and_nothing_else")),
            ("size", By("read_at.rs", "chunks_must_cover_what_is_read_and_nothing_else")),
            ("digest", By("read_at.rs", "chunks_must_cover_what_is_read_and_nothing_else")),
        ],
    ),
    (
        "authorize",
        &[
            (
                "follow",
                By(
                    "authorize.rs",
                    "following_gives_the_address_behind_the_redirect_without_credentials",
                ),
            ),
            ("renew", By("authorize.rs", "another_client_gets_in_with_it")),
        ],
    ),
    (
        "put_manifest",
        &[
            ("tags", By("discover.rs", "several_tags_are_set_at_once_or_one_by_one")),
            ("if_match", By("discover.rs", "a_tag_changes_only_if_it_is_what_was_expected")),
        ],
    ),
    (
        "referrers",
        &[
            ("artifact_type", By("discover.rs", "referrers_are_filtered_by_whoever_can")),
            ("annotations", By("discover.rs", "referrers_are_filtered_by_whoever_can")),
        ],
    ),
    (
        "get_blob_file",
        &[
            ("size", By("discover.rs", "a_file_appears_whole_and_right_or_not_at_all")),
            ("media_type", By("discover.rs", "a_file_appears_whole_and_right_or_not_at_all")),
            ("urls", By("discover.rs", "a_layer_that_is_elsewhere_becomes_a_file")),
            ("resume", By("discover.rs", "a_download_goes_on_where_it_was_cut")),
        ],
    ),
    (
        "get_blob_fd",
        &[
            ("size", By("descriptors.rs", "a_blob_is_written_from_where_a_file_stands")),
            ("media_type", By("descriptors.rs", "a_blob_is_written_from_where_a_file_stands")),
            ("urls", By("descriptors.rs", "a_layer_that_is_elsewhere_is_written_too")),
        ],
    ),
    (
        "put_blob_file",
        &[
            ("digest", By("discover.rs", "a_file_is_sent_only_if_it_is_what_was_promised")),
            ("size", By("discover.rs", "a_file_is_sent_only_if_it_is_what_was_promised")),
            ("media_type", By("discover.rs", "a_file_becomes_a_blob")),
            ("algorithm", By("discover.rs", "a_file_becomes_a_blob")),
            ("chunk_size", By("discover.rs", "a_file_becomes_a_blob")),
            ("mount_from", By("discover.rs", "a_file_that_is_there_is_not_sent")),
            ("check_exists", By("discover.rs", "a_file_that_is_there_is_not_sent")),
        ],
    ),
    (
        "put_blob",
        &[
            ("chunk_size", By("e2e.rs", "uploads")),
            ("algorithm", By("e2e.rs", "uploads")),
            ("digest", By("e2e.rs", "uploads")),
            ("size", By("e2e.rs", "uploads")),
            ("media_type", By("e2e.rs", "uploads")),
            ("mount_from", By("e2e.rs", "uploads")),
            ("check_exists", By("upload.rs", "what_the_repository_has_is_not_sent_again")),
        ],
    ),
    (
        "commit",
        &[
            ("digest", By("option_keys.rs", "what_a_blob_must_be_is_checked_at_commit")),
            ("size", By("option_keys.rs", "what_a_blob_must_be_is_checked_at_commit")),
        ],
    ),
    (
        "pull",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("auth", By("credentials.rs", "pulls_use_them_and_only_at_their_registry")),
            ("protocol", By("v1_pull.rs", "v1_is_spoken_only_where_it_was_asked_for")),
            ("platform", By("e2e.rs", "pulls")),
            ("all_platforms", By("e2e.rs", "pulls")),
            ("resume", By("faults.rs", "what_came_before_a_cut_is_taken_up_by_the_next_pull")),
            (
                "nondistributable",
                By("networks.rs", "a3_a6_a_server_leads_to_networks_as_wide_as_its_own_or_wider"),
            ),
            (
                "verify_present",
                By("present.rs", "marks_are_believed_unless_everything_is_to_be_hashed"),
            ),
            ("referrers", By("copy.rs", "referrers_come_and_go_with_the_image")),
            ("verify_diff_ids", By("layers.rs", "every_layer_of_a_pull_is_checked")),
            ("overwrite", By("artifacts.rs", "files_are_replaced_only_on_request")),
            ("dir_fd", By("push.rs", "relative_paths_begin_where_the_caller_says")),
        ],
    ),
    (
        "artifact_file",
        &[
            ("path", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("title", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("media_type", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("annotations", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
        ],
    ),
    (
        "artifact_config",
        &[
            ("path", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("media_type", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("annotations", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
        ],
    ),
    (
        "push",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("auth", By("copy.rs", "each_registry_gets_its_own_credentials")),
            ("platform", By("push.rs", "one_platform_is_pushed_as_an_image")),
            ("all_platforms", By("push.rs", "one_platform_is_pushed_as_an_image")),
            ("tags", By("push.rs", "an_image_gets_several_tags")),
            ("mount_from", By("push.rs", "blobs_are_mounted_from_named_repositories")),
            ("referrers", By("push.rs", "what_refers_to_the_image_goes_where_it_is_wanted")),
            ("digest_tags", By("push.rs", "tags_made_of_digests_go_where_they_are_wanted")),
            (
                "nondistributable",
                By(
                    "push.rs",
                    "layers_that_are_not_distributable_are_pushed_only_where_that_is_allowed",
                ),
            ),
            (
                "convert",
                By("copy.rs", "docker_manifests_become_oci_ones_only_where_that_is_wanted"),
            ),
            ("verify_present", By("push.rs", "what_the_registry_has_is_not_sent_again")),
            ("verify_diff_ids", By("layers.rs", "every_layer_of_a_push_or_copy_is_checked")),
            ("artifact_type", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("files", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("annotations", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("config", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            (
                "subject",
                By("artifacts.rs", "an_artifact_refers_to_its_subject_and_leaves_its_tag_alone"),
            ),
            ("dir_fd", By("push.rs", "relative_paths_begin_where_the_caller_says")),
        ],
    ),
    (
        "copy",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("source_auth", By("copy.rs", "each_registry_gets_its_own_credentials")),
            ("destination_auth", By("copy.rs", "each_registry_gets_its_own_credentials")),
            ("platform", By("copy.rs", "one_platform_is_copied_as_an_image")),
            ("all_platforms", By("copy.rs", "one_platform_is_copied_as_an_image")),
            ("tags", By("copy.rs", "an_index_goes_from_registry_to_registry_without_the_disk")),
            ("mount_from", By("copy.rs", "blobs_are_mounted_from_other_repositories_too")),
            ("referrers", By("copy.rs", "referrers_come_and_go_with_the_image")),
            ("digest_tags", By("copy.rs", "signatures_go_by_their_tags")),
            ("nondistributable", By("copy.rs", "layers_that_are_not_distributable_stay_behind")),
            (
                "convert",
                By("copy.rs", "docker_manifests_become_oci_ones_only_where_that_is_wanted"),
            ),
            ("verify_present", By("copy.rs", "a_layout_is_verified_where_that_is_wanted")),
            ("verify_diff_ids", By("layers.rs", "every_layer_of_a_push_or_copy_is_checked")),
            ("resume", By("copy.rs", "a_copy_into_a_layout_goes_on_where_it_was_cut")),
            ("artifact_type", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("files", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("annotations", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            ("config", By("artifacts.rs", "an_artifact_has_what_the_options_say")),
            (
                "subject",
                By("artifacts.rs", "an_artifact_refers_to_its_subject_and_leaves_its_tag_alone"),
            ),
            ("overwrite", By("artifacts.rs", "files_are_replaced_only_on_request")),
            ("dir_fd", By("copy.rs", "layouts_are_copied_too")),
        ],
    ),
    (
        "inspect",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("auth", By("echo.rs", "a_registry_that_repeats_credentials_is_not_repeated")),
            ("platform", By("e2e.rs", "pulls")),
            ("config", By("e2e.rs", "pulls")),
            ("layers", By("e2e.rs", "pulls")),
            ("dir_fd", By("push.rs", "images_on_this_machine_are_inspected_too")),
        ],
    ),
    (
        "unpack",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("auth", By("unpack.rs", "a_registry_gives_it_in_one_stream")),
            ("platform", By("unpack.rs", "a_registry_gives_it_in_one_stream")),
            ("ownership", By("unpack.rs", "e13_owners_are_mapped_or_refused")),
            ("uid_map", By("unpack.rs", "e13_owners_are_mapped_or_refused")),
            ("gid_map", By("unpack.rs", "e13_owners_are_mapped_or_refused")),
            (
                "xattrs",
                By("unpack.rs", "e8_extended_attributes_are_set_as_far_as_they_are_the_images"),
            ),
            ("devices", By("unpack.rs", "e6_devices_are_made_or_left_out")),
            ("limits", By("unpack.rs", "e9_bombs_end_at_the_limits")),
            ("layout", By("unpack.rs", "a_layout_keeps_the_image_as_well")),
            ("dir_fd", By("unpack.rs", "relative_paths_begin_at_the_directory_of_the_caller")),
        ],
    ),
    (
        "export",
        &[
            (
                "credential_sources",
                By("credential_callback.rs", "only_the_sources_that_the_call_allows_are_asked"),
            ),
            ("auth", By("export.rs", "a_registry_is_exported_in_one_stream")),
            ("platform", By("export.rs", "a_registry_is_exported_in_one_stream")),
            ("limits", By("export.rs", "e9_exports_end_at_the_limits")),
            ("layout", By("export.rs", "a_layout_keeps_what_is_exported")),
            ("dir_fd", By("export.rs", "a_layout_keeps_what_is_exported")),
        ],
    ),
    (
        "id_range",
        &[
            ("container", By("unpack.rs", "e13_owners_are_mapped_or_refused")),
            ("host", By("unpack.rs", "e13_owners_are_mapped_or_refused")),
            ("size", By("unpack.rs", "e13_owners_are_mapped_or_refused")),
        ],
    ),
    (
        "unpack_limits",
        &[
            ("bytes", By("unpack.rs", "e9_bombs_end_at_the_limits")),
            ("entries", By("unpack.rs", "e9_bombs_end_at_the_limits")),
            ("path", By("unpack.rs", "e9_bombs_end_at_the_limits")),
        ],
    ),
    (
        "layout_collect",
        &[("dry_run", By("layouts.rs", "a_removed_name_frees_its_blobs_for_the_next_collection"))],
    ),
];

/// Gives a document to the library in its place: the service's own, one within it, or that of a call.
fn give(scope: &str, document: Value, session: &Session, service: &Service) -> Outcome<()> {
    let digest = format!("sha256:{}", "0".repeat(64));
    match scope {
        "service" => Service::new(&document).map(drop),
        "config" => service.replace_config(&document),
        "proxy" | "timeouts" | "retry" | "limits" => {
            Service::new(&json!({scope: document})).map(drop)
        }
        "session_open" => service.open(None, "127.0.0.1:1/x", &document).map(drop),
        "resolve_endpoints" => service.resolve_endpoints("127.0.0.1:1/x", &document).map(drop),
        "list_tags" => session.list_tags(None, &document).map(drop),
        "get_manifest" => session.get_manifest(None, None, &document).map(drop),
        "head_manifest" => session.head_manifest(None, None, &document).map(drop),
        "open_blob" => session.open_blob(None, &digest, 0, &document).map(drop),
        "blob" => session.blob(&digest, &document).map(drop),
        "chunk" => session.blob(&digest, &json!({"chunks": [document]})).map(drop),
        "authorize" => session.authorize("GET", "tags/list", &document).map(drop),
        "put_blob" => session.put_blob(None, &document).map(drop),
        "put_manifest" => session.put_manifest(None, None, b"{}", &document).map(drop),
        "referrers" => session.referrers(&digest, &document).map(drop),
        "get_blob_file" => {
            let dir = ocireg_testkit::tempdir();
            session.get_blob_file(None, &digest, &dir.path().join("x"), &document).map(drop)
        }
        "get_blob_fd" => {
            let null = fs::OpenOptions::new().write(true).open("/dev/null").expect("/dev/null");
            session.get_blob_fd(None, &digest, null.as_raw_fd(), &document).map(drop)
        }
        "put_blob_file" => {
            session.put_blob_file(None, Path::new("Cargo.toml"), &document).map(drop)
        }
        "commit" => {
            let registry = Registry::plain();
            let session = service.open(None, &format!("{}/x", registry.host()), &push());
            let mut writer = session?.put_blob(None, &json!({})).expect("a writer");
            writer.commit(None, &document).map(drop)
        }
        "pull" => {
            let layout = ocireg_testkit::tempdir();
            let destination = format!("oci:{}:x", layout.path().display());
            service.pull(None, "127.0.0.1:1/x", &destination, &document).map(drop)
        }
        "artifact_file" | "artifact_config" => {
            let directory = ocireg_testkit::tempdir();
            let key = if scope == "artifact_file" { "files" } else { "config" };
            let value = if key == "files" { json!([document]) } else { document };
            let source = format!("files:{}", directory.path().display());
            service.push(None, &source, "127.0.0.1:1/x", &json!({key: value})).map(drop)
        }
        "push" => {
            let layout = ocireg_testkit::tempdir();
            Spec::default().build().write_layout(layout.path(), "x");
            let source = format!("oci:{}:x", layout.path().display());
            service.push(None, &source, "127.0.0.1:1/x", &document).map(drop)
        }
        "copy" => {
            let (from, to) = ("docker://127.0.0.1:1/x", "docker://127.0.0.1:1/y");
            service.copy(None, from, to, &document).map(drop)
        }
        "inspect" => service.inspect(None, "127.0.0.1:1/x", &document).map(drop),
        "unpack" => unpack(service, &document),
        "export" => service.export(None, "127.0.0.1:1/x", 2, &document).map(drop),
        "id_range" => unpack(service, &json!({"uid_map": [document]})),
        "unpack_limits" => unpack(service, &json!({"limits": document})),
        "layout_collect" => crate::c_surface::layouts::collect("oci:/nowhere", &document).map(drop),
        other => panic!("no place {other}"),
    }
}

fn unpack(service: &Service, options: &Value) -> Outcome<()> {
    let directory = ocireg_testkit::tempdir();
    let root = directory.path().join("root").display().to_string();
    service.unpack(None, "127.0.0.1:1/x", &root, options).map(drop)
}

/// The library's tables, each of which stands here.
#[test]
fn every_document_is_here() {
    let here: Vec<_> = KEYS.iter().map(|(scope, _)| *scope).collect();
    for schema in ocireg::client::options::DOCUMENTS {
        assert_eq!(here.contains(&schema.name), !schema.rows.is_empty(), "{}", schema.name);
    }
}

fn nobody() -> (Service, Session) {
    let service = Service::bare(json!({"retry": {"max-attempts": 1}}));
    let endpoint = json!({"URL": "http://127.0.0.1:1", "Version": "v2", "Official": false});
    let endpoint = service.endpoint(&endpoint).expect("an endpoint");
    let session = endpoint.session(Some(&json!({}))).expect("a session");
    let repository = session.repository("x").expect("a repository");
    (service, repository)
}

fn body_of(file: &str, test: &str) -> String {
    let source = ["suite", "process", "bindings"]
        .iter()
        .find_map(|program| fs::read_to_string(format!("tests/{program}/{file}")).ok())
        .unwrap_or_else(|| panic!("no file {file}"));
    let start = source
        .find(&format!("#[test]\nfn {test}() {{"))
        .unwrap_or_else(|| panic!("{file}: {test}"));
    let rest = &source[start..];
    rest[..rest.find("\n}\n").expect("an end")].to_owned()
}

#[test]
fn every_key_is_obeyed() {
    let (service, session) = nobody();
    let hint = |error: &Failure| error.json["hint"].as_str().unwrap_or_default().to_owned();
    for (scope, keys) in KEYS {
        let error = give(scope, json!({"?": 0}), &session, &service).expect_err("an unknown key");
        let told = hint(&error);
        let (_, list) =
            told.split_once("the valid keys are ").unwrap_or_else(|| panic!("{scope}: {error:?}"));
        let mut told: Vec<_> = list.split(", ").collect();
        let mut here: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
        told.sort_unstable();
        here.sort_unstable();
        assert_eq!(told, here, "{scope}: the library's keys, and those of this test");
        for (key, shown) in *keys {
            let By(file, test) = shown;
            let body = body_of(file, test);
            assert!(body.contains(key), "{file}: {test} does not use {key:?} of {scope}");
        }
    }
}

/// The keys of an AuthConfig. It is a published type, in which unknown keys are no error, so the library does not list
/// them; its own type does.
const AUTH_KEYS: &[(&str, By)] = &[
    ("username", By("credentials.rs", "the_sources_are_asked_in_order")),
    ("password", By("credentials.rs", "the_sources_are_asked_in_order")),
    ("auth", By("option_keys.rs", "each_key_of_credentials_changes_what_is_sent")),
    ("serveraddress", By("login.rs", "addresses_that_are_none_are_refused")),
    ("identitytoken", By("option_keys.rs", "each_key_of_credentials_changes_what_is_sent")),
    ("registrytoken", By("option_keys.rs", "each_key_of_credentials_changes_what_is_sent")),
];

#[test]
fn every_key_of_credentials_is_obeyed() {
    let text = || "x".to_owned();
    // Every field, so that a new one does not compile here.
    let all = AuthConfig {
        username: text(),
        password: text(),
        auth: text(),
        serveraddress: text(),
        identitytoken: text(),
        registrytoken: text(),
    };
    let known = serde_json::to_value(&all).expect("JSON");
    let mut known: Vec<_> = known.as_object().expect("an object").keys().cloned().collect();
    let mut here: Vec<_> = AUTH_KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    known.sort();
    here.sort();
    assert_eq!(known, here);
    for (key, shown) in AUTH_KEYS {
        let By(file, test) = shown;
        assert!(body_of(file, test).contains(key), "{file}: {test} does not use {key:?}");
    }
}

#[test]
fn each_key_of_credentials_changes_what_is_sent() {
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let basic = Registry::start(ServerOptions::default(), Auth::basic("alice", "wonderland"));
    let image = Spec::sized(1, 100).build();
    for registry in [&registry, &basic] {
        image.push_to(registry, "demo/app", "1");
    }
    let hosts = [registry.host(), basic.host(), token.host()];
    // Given with the call, and kept by the service.
    let inspect = |registry: &Registry, auth: &Value| {
        for with_the_call in [true, false] {
            let mut options = json!({"allow-plain-http-credentials": hosts});
            let mut call = json!({});
            if with_the_call {
                call["auth"] = auth.clone();
            } else {
                options["credentials"] = json!({(registry.host()): auth});
            }
            for server in [registry as &Server, &token] {
                server.clear();
            }
            let reference = format!("{}/demo/app:1", registry.host());
            // Whether it is let in does not matter here.
            let _ = Service::bare(options).inspect(None, &reference, &call);
        }
    };
    let sent = |server: &Server| -> Vec<String> {
        let requests = server.requests();
        requests.iter().filter_map(|r| r.header("authorization").map(str::to_owned)).collect()
    };
    let login = "Basic YWxpY2U6d29uZGVybGFuZA==".to_owned();
    for auth in [
        json!({"username": "alice", "password": "wonderland"}),
        json!({"auth": "YWxpY2U6d29uZGVybGFuZA=="}),
    ] {
        inspect(&basic, &auth);
        let sent = sent(&basic);
        assert!(!sent.is_empty() && sent.iter().all(|sent| *sent == login), "{auth}: {sent:?}");
    }
    inspect(&registry, &json!({"registrytoken": "ready-made"}));
    let sent = sent(&registry);
    assert!(sent.contains(&"Bearer ready-made".to_owned()), "{sent:?}");
    assert!(token.requests().is_empty(), "it needs no other token");
    inspect(&registry, &json!({"identitytoken": "renewed"}));
    let exchanged = token.requests();
    assert!(
        exchanged
            .iter()
            .any(|r| String::from_utf8_lossy(&r.body).contains("refresh_token=renewed")),
        "{exchanged:?}"
    );
}

#[test]
fn what_a_blob_must_be_is_checked_at_commit() {
    let registry = Registry::plain();
    let service = Service::bare(json!({}));
    let session = service.open(None, &format!("{}/x", registry.host()), &push());
    let session = session.expect("a session");
    let (right, wrong) = (digest::sha256(b"bytes"), digest::sha256(b"other"));
    for (options, code) in [
        (json!({"digest": wrong}), Some(DIGEST_MISMATCH)),
        (json!({"size": 4}), Some(SIZE_MISMATCH)),
        (json!({"digest": right, "size": 6}), Some(SIZE_MISMATCH)),
        (json!({"digest": right, "size": 5}), None),
    ] {
        let mut writer = session.put_blob(None, &json!({})).expect("a writer");
        writer.write(None, b"bytes").expect("bytes");
        let committed = writer.commit(None, &options);
        assert_eq!(committed.err().map(|error| error.code), code, "{options}");
        assert_eq!(session.open_blob(None, &right, 0, &json!({})).is_ok(), code.is_none());
    }
}

#[test]
fn looking_nowhere_needs_no_support() {
    for key in ["hosts-dir", "registries-conf"] {
        Service::new(&json!({key: ""})).expect("nothing is asked for");
    }
}

#[test]
fn limits_on_errors_depth_and_addresses() {
    let image =
        Spec { platforms: vec!["linux/amd64".into()], layers: 1, ..Spec::default() }.build();
    let registry = Registry::plain();
    image.push_to(&registry, "demo/app", "1");
    // An index in an index.
    let head = |kind: &str, bytes: &[u8]| {
        json!({"mediaType": kind, "digest": digest::sha256(bytes), "size": bytes.len(),
            "platform": {"os": "linux", "architecture": "amd64"}})
    };
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = |entry: Value| {
        json!({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]})
            .to_string()
            .into_bytes()
    };
    let inner = index(head(&image.media_type, &image.bytes));
    let outer = index(head(kind, &inner));
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let many = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest::sha256(b"{}"), "size": 2},
        "layers": [{"mediaType": foreign, "digest": digest::sha256(b""), "size": 0,
            "urls": ["https://a.example/1", "https://a.example/2", "https://a.example/3"]}],
    })
    .to_string()
    .into_bytes();
    let page = "no ".repeat(100);
    let server = bystander(ServerOptions::default(), move |request| {
        let reply =
            |kind: &str, bytes: &[u8]| Reply::new(200, bytes.to_vec()).with("Content-Type", kind);
        match request.path().rsplit('/').next().unwrap_or_default() {
            "nested" => reply(kind, &outer),
            "urls" => reply("application/vnd.oci.image.manifest.v1+json", &many),
            "refused" => Reply::new(403, page.clone().into_bytes()),
            name if name == digest::sha256(&inner) => reply(kind, &inner),
            name if name == image.digest => reply(&image.media_type, &image.bytes),
            _ => Reply::json(200, &json!({})),
        }
    });
    let get = |limits: Value, tag: &str, options: Value| {
        let service = Service::bare(json!({"limits": limits, "retry": {"max-attempts": 1}}));
        let session = service.open(None, &format!("{}/demo/app", server.host()), &json!({}));
        session.expect("a session").get_manifest(None, Some(tag), &options)
    };
    let platform = || json!({"platform": "linux/amd64"});
    get(json!({"depth": 2}), "nested", platform()).expect("an image in an index in an index");
    assert_eq!(get(json!({"depth": 1}), "nested", platform()).expect_err("too deep").code, LIMIT);
    get(json!({"urls": 3}), "urls", json!({})).expect("three addresses");
    let error = get(json!({"urls": 2}), "urls", json!({})).expect_err("too many");
    assert_eq!(error.code, LIMIT);
    assert!(error.json["hint"].as_str().is_some_and(|hint| hint.contains("urls")), "{error:?}");
    let said = |limit: usize| {
        let error = get(json!({"error": limit}), "refused", json!({})).expect_err("refused");
        error.message.matches("no ").count()
    };
    assert!(said(30) <= 11 && said(300) > 50, "{} {}", said(30), said(300));
}

#[test]
fn the_waits_between_attempts_are_the_options_own() {
    let server = bystander(ServerOptions::default(), |_| Reply::empty(503));
    let took = |retry: Value| {
        let service = Service::bare(json!({"retry": retry}));
        let began = std::time::Instant::now();
        let reference = format!("{}/demo/app:1", server.host());
        service.open(None, &reference, &json!({})).map(drop).expect_err("it fails");
        began.elapsed().as_millis()
    };
    let quick = took(json!({"max-attempts": 3, "initial-ms": 1, "max-ms": 1}));
    let slow = took(json!({"max-attempts": 3, "initial-ms": 400, "max-ms": 400}));
    let capped = took(json!({"max-attempts": 3, "initial-ms": 60_000, "max-ms": 1}));
    assert!(slow >= 400 && quick < slow && capped < slow, "{quick} {slow} {capped}");
}

#[test]
fn a_session_of_a_whole_registry() {
    let registry = Registry::plain();
    let service = Service::bare(json!({}));
    let host = c(&json!({"registry": registry.host()}).to_string());
    let mut session = ptr::dangling_mut();
    // SAFETY: live handles and text in, live places out.
    call(|error| unsafe {
        ocireg_session_open(service.0, ptr::null(), ptr::null(), host.as_ptr(), &mut session, error)
    })
    .expect("a session");
    let session = Session(session);
    let info = session.info().expect("what it is");
    assert!(info.get("repository").is_none(), "{info}");
}
