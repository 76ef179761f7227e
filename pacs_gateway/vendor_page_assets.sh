#!/usr/bin/env bash
# Copies what the page and its tests take from npm into place, at the versions of package-lock.json.
# npm checks each package against the lock's digest; what is copied is committed, so that nothing is fetched to run.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
web=src/pacs_gateway/web/assets/vendor
cp node_modules/@niivue/niivue/dist/index.js "$web/niivue.js"
cp node_modules/fflate/esm/browser.js "$web/fflate.js"
cp node_modules/fflate/LICENSE "$web/fflate.LICENSE"
cp node_modules/eventsource-parser/dist/index.js "$web/eventsource-parser.js"
cp node_modules/eventsource-parser/LICENSE "$web/eventsource-parser.LICENSE"
tests=../tests/pacs_gateway/web/vendor
mkdir -p "$tests"
cp node_modules/axe-core/axe.min.js node_modules/axe-core/LICENSE "$tests/"
