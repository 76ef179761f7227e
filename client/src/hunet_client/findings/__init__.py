"""Findings of one scan and its change against an earlier one, for a radiologist's eye. Research use only.

    from hunet_client.findings import compare, find, findings_page

    findings = find(flair, mask, affine, report, probability=probability)
    findings.to_json()                # findings.json
    findings_page(findings)           # findings.html

Everything is computed from arrays on the scan's own grid, its affine and its report. Nothing needs a service, and a
scan in which something cannot be told gives findings that say so. See docs/findings.md.
"""

from hunet_client.findings.change_document import ChangeReport
from hunet_client.findings.document import Findings
from hunet_client.findings.page import findings_page
from hunet_client.findings.scan_change import Examination, compare
from hunet_client.findings.scan_findings import find

__all__ = ["ChangeReport", "Examination", "Findings", "compare", "find", "findings_page"]
