#!/usr/bin/env bash
# A till in curl: card in the reader, quote, settle, look again, take it back. Run it against "gongjid demo" with the patient's
# card (1) inserted:
#
#   POS_URL=http://127.0.0.1:7311 POS_TOKEN=gj_… bash till.sh
#
# Needs curl and jq. Every id is made here and could be saved before it is sent: the same id sent again is the same sale.
set -euo pipefail
: "${POS_URL:=http://127.0.0.1:7311}" "${POS_TOKEN:?the POS token that gongjid demo prints, or gongjid pos add}"

# call METHOD PATH [JSON] prints the answer. A refusal prints code, message and hint and ends the script.
call() {
  local reply status
  reply=$(curl -sS -w '\n%{http_code}' -X "$1" "$POS_URL$2" -H "Authorization: Bearer $POS_TOKEN" \
    ${3+-H 'Content-Type: application/json' --data "$3"})
  status=${reply##*$'\n'} reply=${reply%$'\n'*}
  if [ "$status" -ge 400 ]; then
    jq -r '"\(.code) \(.reason // "")\n\(.message)\n\(.hint)"' <<<"$reply" >&2
    return 1
  fi
  printf '%s\n' "$reply"
}

echo "== reader"
call GET /v1/reader | jq -r '.readers[] | "\(.name) \(.state) \(.card.holder // "-")"'

sale_id="CURL-$(date +%Y%m%d-%H%M%S)-$$"
bill=$(jq -n --arg id "$sale_id" '{
  sale_id: $id, terminal: "counter-1", operator: {id: "1001", name: "李敏"}, med_type: "41", wait_for_card_s: 30,
  lines: [{id: "1", code: "C14010200002", shop_code: "7002", name: "医用口罩", class: "consumable",
           quantity: "2", unit_price: "5.00", total: "10.00"}]}')

echo "== quote"
quote=$(call POST /v1/quotes "$bill")
jq -r '"总额 \(.total) 账户 \(.own_paid) 共济 \(.shared_paid) 现金 \(.cash_due)"' <<<"$quote"

echo "== settle"
settled=$(call POST /v1/settlements "$(jq --arg d "$(jq -r .digest <<<"$quote")" '. + {quote_digest: $d}' <<<"$bill")")
id=$(jq -r .settlement_id <<<"$settled")
jq -r '"\(.receipt_no) \(.state)", (.postings[] | "  \(.source) \(.holder) \(.amount)")' <<<"$settled"

echo "== what became of it (after a lost reply)"
call GET "/v1/sales/$sale_id" | jq -r '"\(.settlement_id) \(.state)"'

echo "== the slip, in UTF-8"
curl -sS "$POS_URL/v1/settlements/$id/receipt?format=text" -H "Authorization: Bearer $POS_TOKEN" | iconv -f GB18030 -t UTF-8

echo "== return one"
call POST "/v1/settlements/$id/refunds" \
  "$(jq -n --arg id "R-$sale_id" '{refund_id: $id, operator: {id: "1001"}, lines: [{id: "1", quantity: "1"}], reason: "未拆封退货"}')" |
  jq -r '"退回账户 \(.own_back) 现金 \(.cash_back)"'

echo "== cancel the rest"
call POST "/v1/settlements/$id/reversal" "$(jq -n --arg id "V-$sale_id" '{reversal_id: $id, operator: {id: "1001"}, reason: "示例"}')" |
  jq -r '"退回账户 \(.own_back) 现金 \(.cash_back)"'
echo "== done"
