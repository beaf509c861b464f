"""The contract between the core and a vendor adapter, and what adapters are built from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit._support.redaction import Secret
    from motionkit.http import CALL_TIMEOUT, JSON_LIMIT, Body, Response, Session
    from motionkit.provider.contract import (
        SERVER_ERRORS,
        AcceptsUnlistedModels,
        Accounts,
        Cancels,
        CancelTerms,
        Checks,
        ErrorRow,
        ExpiresFiles,
        ExpiresJobs,
        HelpsWithKeys,
        ListedPrice,
        Lists,
        ListsPrices,
        Phase,
        PollLimits,
        Provider,
        SearchesHistory,
        ShowsRefunds,
        ShowsUsage,
        Uploads,
        WebhookEvent,
        Webhooks,
        base_url,
        billed_after,
        fit_at,
        in_sandbox,
        job_ids,
        references,
        vendor_error,
    )
    from motionkit.provider.fit import Check, Fit, refuse, whole_number
    from motionkit.provider.fit import inspect as inspect_media
    from motionkit.provider.lookups import look_up
    from motionkit.provider.lookups import names_of as list_names
    from motionkit.provider.lookups import options_of as list_options
    from motionkit.provider.offers import (
        MediaField,
        Offer,
        Price,
        PriceRule,
        load_offers,
        parse_offers,
        unlisted_offer,
    )
    from motionkit.provider.offers import pick as pick_offer
    from motionkit.provider.prepare import Upload, assemble
    from motionkit.provider.quote import quote as quote_fit
    from motionkit.provider.records import (
        has_input,
        moment,
        not_found,
        observed,
        only_match,
        outputs_of,
        read_pages,
        succeeded,
    )
    from motionkit.provider.registry import key_help, operations
    from motionkit.provider.registry import load as load_provider
    from motionkit.provider.registry import names as provider_names
    from motionkit.provider.responses import (
        Fault,
        Responses,
        accepted_at,
        age_of,
        content_of,
        path_id,
        webhook_event,
    )
    from motionkit.provider.sessions import connect, signed_address
    from motionkit.provider.settings import (
        AccountSettings,
        KeyHelp,
        Untrusted,
        as_decimal,
        as_secret,
        is_address,
        is_given,
        is_origin,
        untrusted,
    )
    from motionkit.provider.signatures import MAX_BODY
    from motionkit.provider.spool import opener as spool_opener
    from motionkit.provider.staging import STAGE, staged
    from motionkit.provider.uploads import (
        LONGEST_UPLOAD,
        UPLOAD_IDLE,
        UPLOAD_TIMEOUT,
        CarefulUploads,
        Stream,
        content_type,
        form,
        multipart,
        upload_name,
    )

__all__ = [
    "CALL_TIMEOUT",
    "JSON_LIMIT",
    "LONGEST_UPLOAD",
    "MAX_BODY",
    "SERVER_ERRORS",
    "STAGE",
    "UPLOAD_IDLE",
    "UPLOAD_TIMEOUT",
    "AcceptsUnlistedModels",
    "AccountSettings",
    "Accounts",
    "Body",
    "CancelTerms",
    "Cancels",
    "CarefulUploads",
    "Check",
    "Checks",
    "ErrorRow",
    "ExpiresFiles",
    "ExpiresJobs",
    "Fault",
    "Fit",
    "HelpsWithKeys",
    "KeyHelp",
    "ListedPrice",
    "Lists",
    "ListsPrices",
    "MediaField",
    "Offer",
    "Phase",
    "PollLimits",
    "Price",
    "PriceRule",
    "Provider",
    "Response",
    "Responses",
    "SearchesHistory",
    "Secret",
    "Session",
    "ShowsRefunds",
    "ShowsUsage",
    "Stream",
    "Untrusted",
    "Upload",
    "Uploads",
    "WebhookEvent",
    "Webhooks",
    "accepted_at",
    "age_of",
    "as_decimal",
    "as_secret",
    "assemble",
    "base_url",
    "billed_after",
    "connect",
    "content_of",
    "content_type",
    "fit_at",
    "form",
    "has_input",
    "in_sandbox",
    "inspect_media",
    "is_address",
    "is_given",
    "is_origin",
    "job_ids",
    "key_help",
    "list_names",
    "list_options",
    "load_offers",
    "load_provider",
    "look_up",
    "moment",
    "multipart",
    "not_found",
    "observed",
    "only_match",
    "operations",
    "outputs_of",
    "parse_offers",
    "path_id",
    "pick_offer",
    "provider_names",
    "quote_fit",
    "read_pages",
    "references",
    "refuse",
    "signed_address",
    "spool_opener",
    "staged",
    "succeeded",
    "unlisted_offer",
    "untrusted",
    "upload_name",
    "vendor_error",
    "webhook_event",
    "whole_number",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit._support.redaction": "Secret",
        "motionkit.http": "CALL_TIMEOUT JSON_LIMIT Body Response Session",
        "motionkit.provider.contract": (
            "SERVER_ERRORS AcceptsUnlistedModels Accounts Cancels CancelTerms Checks ErrorRow "
            "ExpiresFiles ExpiresJobs HelpsWithKeys ListedPrice Lists ListsPrices Phase "
            "PollLimits Provider "
            "SearchesHistory ShowsRefunds ShowsUsage Uploads WebhookEvent Webhooks "
            "base_url billed_after fit_at in_sandbox job_ids references vendor_error"
        ),
        "motionkit.provider.fit": "Check Fit refuse whole_number inspect_media=inspect",
        "motionkit.provider.lookups": "look_up list_names=names_of list_options=options_of",
        "motionkit.provider.offers": (
            "MediaField Offer Price PriceRule load_offers parse_offers pick_offer=pick "
            "unlisted_offer"
        ),
        "motionkit.provider.prepare": "Upload assemble",
        "motionkit.provider.quote": "quote_fit=quote",
        "motionkit.provider.records": (
            "has_input moment not_found observed only_match outputs_of read_pages succeeded"
        ),
        "motionkit.provider.registry": (
            "key_help operations load_provider=load provider_names=names"
        ),
        "motionkit.provider.responses": (
            "Fault Responses accepted_at age_of content_of path_id webhook_event"
        ),
        "motionkit.provider.sessions": "connect signed_address",
        "motionkit.provider.settings": (
            "AccountSettings KeyHelp Untrusted as_decimal as_secret is_address is_given "
            "is_origin untrusted"
        ),
        "motionkit.provider.signatures": "MAX_BODY",
        "motionkit.provider.spool": "spool_opener=opener",
        "motionkit.provider.staging": "STAGE staged",
        "motionkit.provider.uploads": (
            "LONGEST_UPLOAD UPLOAD_IDLE UPLOAD_TIMEOUT CarefulUploads Stream content_type "
            "form multipart upload_name"
        ),
    },
)
