// Package settle is the vocabulary and the rules of settling a bill at the counter: who may pay what part of the
// personal share (个人负担) of a patient's bill, in which order, and what a return gives back.
//
// The package is pure. It has no clock, no disk, no log and no goroutine; every decision is a function of its
// arguments. settle/ledger reads the facts, calls these functions inside one transaction and writes what they
// decided; settle/policy loads the region's rules.
//
// # Glossary
//
//	English             Chinese              national field     here
//	settlement          结算                 setlinfo           Settlement
//	personal share      个人负担总金额        psn_part_amt       Line.Personal, Plan
//	fund share          基金支付总额          fund_pay_sumamt    Line.Fund, never split
//	personal account    个人账户             acct_pay           Account
//	family mutual aid   家庭共济             acct_mulaid_pay    Binding, shared money
//	own cash            个人现金支出          psn_cash_pay       Plan.Cash
//	giver               授权人 / 共济人       -                  Binding.Giver
//	beneficiary         被授权人 / 被共济人    -                  Binding.Beneficiary
//	person number       人员编号             psn_no             known to the ledger's sealed columns only
//	person              参保人               -                  PersonID
//	insured area        参保地医保区划        insuplc_admdvs     Account.Area
//	kind of insurance   险种类型             insutype           Insurance: 310 employee, 390 resident
//	kind of treatment   医疗类别             med_type           Sale.MedType, grouped as MedGroup
//	line of the bill    费用明细             feedetl            Line
//	deductible          起付线               act_pay_dedc       bucket dedc   (JSON: deductible)
//	co-insurance        比例自付             -                  bucket ratio  (JSON: coinsurance)
//	first self-pay      先行自付             preselfpay_amt     bucket presel (JSON: first_self_pay)
//	over the limit      超限价自费           overlmt_selfpay    bucket over   (JSON: over_limit)
//	above the cap       超封顶线             -                  bucket abovecap (JSON: above_cap)
//	own expense         全自费               fulamt_ownpay_amt  bucket full   (JSON: own_expense)
//	trace code          药品追溯码           drug_trac_codg     Line.TraceCodes
//	credential          就诊凭证             mdtrt_cert_type    Credential: 03 card, 01 e-voucher, 02 ID card
//	card identifier     卡识别码             card_sn            sealed beside the presence
//	person-card match   人卡一致             -                  MatchCard
//	proxy purchase      代购                 -                  Proxy
//	message id          发送方报文ID          msgid              Dispatch.MsgID
//	reversal            冲正                 2601               Dispatch of infno 2601
//	cancellation        结算撤销             2103               Dispatch of infno 2103
//
// # Decisions
//
// Money is integer fen ([Fen]). People are [PersonID]s: opaque texts that the ledger derives with a key from the
// centre's person number, so nothing in this package can leak an identity. Dates are calendar dates in Beijing
// ([Date]); the year turns at midnight there, whatever the PC's time zone.
package settle
