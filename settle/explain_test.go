package settle

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	rules, bill := DefaultRules(), benchBill(1, 3)
	rules.Sources = map[string]Source{"Z000": {Title: "某指南"}}
	rules.Provenance = map[string]Origin{"binding.relations": {Policy: "CN", Src: []string{"Z000"}, Confidence: ConfidencePress}}
	bill.Accounts[0].Balance = 100
	bill.Accounts[1].Balance = 200
	bill.Accounts[2].Status = StatusDeceased
	bill.Bindings[2].Relation = "cousin"
	bill.Lines = append(bill.Lines, Line{ID: "X", Class: "food", Total: 70, Personal: [BucketCount]Fen{OwnExpense: 70}})
	bill.Lines = append(bill.Lines, Line{ID: "Y", Class: "drgu_a", Total: 9, Personal: [BucketCount]Fen{Coinsurance: 9}})
	barred := bill.Lines[0].Personal[OwnExpense]
	plan := MakePlan(rules, bill)
	type short struct {
		account PersonID
		line    string
		reason  Reason
		rule    string
		taken   Fen
	}
	want := []short{
		{"P", "", "", "own.pot_order", 100},
		{"G1", "", KGiverStatus, RuleLockedStatus, 0},
		{"G2", "", KRelation, "binding.relations", 0},
		{"G0", "", KZero, "share_from", 200},
		{"", "L0", KBucket, "scope.default.full_ok", 0},
		{"", "X", KClass, RuleExcluded, 0},
		{"", "Y", KClassUnknown, "scope.default.classes", 0},
		{"", "", "", "cash", plan.Cash - 70 - 9 - barred},
	}
	got := Explain(rules, bill, &plan)
	if len(got) != len(want) {
		t.Fatalf("%d explanations, want %d: %+v", len(got), len(want), got)
	}
	for i, e := range got {
		if s := (short{e.Account, e.Line, e.Reason, e.Rule, e.Taken}); s != want[i] {
			t.Errorf("explanation %d: %+v, want %+v", i, s, want[i])
		}
		if e.Chinese == "" || e.English == "" {
			t.Errorf("explanation %d has no sentence", i)
		}
	}
	var cash Fen
	for _, e := range got {
		if e.Account == "" {
			cash += e.Payable
		}
	}
	if cash != plan.Cash {
		t.Errorf("the explanations of cash sum to %s, the cash is %s", cash, plan.Cash)
	}
	if unknown := got[6]; !strings.Contains(unknown.Chinese, "drgu_a") || !strings.Contains(unknown.English, "drgu_a") {
		t.Errorf("an unknown class is explained as %q", unknown.Chinese)
	}
	if text := got[2].Source.Text(); text != "依据：某指南" {
		t.Errorf("the citation reads %q", text)
	}
	if !strings.Contains(got[3].Chinese, "共济账户（父母）可用 2.00 元，轮到时账单可付 13.00 元，实付 2.00 元") {
		t.Errorf("the giver's sentence reads %q", got[3].Chinese)
	}
}

func TestExplainRefusalNamesTheRule(t *testing.T) {
	rules, bill := DefaultRules(), benchBill(1, 0)
	bill.Presenter = Presenter{}
	plan := MakePlan(rules, bill)
	got := Explain(rules, bill, &plan)
	if len(got) != 1 || got[0].Reason != EProxyDocs || got[0].Rule != "proxy.docs" || got[0].Chinese == "" {
		t.Errorf("explanation %+v", got)
	}
}

// Every rule key that a trial can name is a key of the policy or a law with a citation.
func TestLawsHaveCitations(t *testing.T) {
	for _, rule := range []string{RuleLockedVenue, RuleLockedPerson, RuleLockedStatus, RuleLockedParty, RuleExcluded} {
		if c := DefaultRules().Cite(rule); len(c.Titles) == 0 {
			t.Errorf("%s has no citation", rule)
		}
	}
}

// Goods that no account may pay are explained once, and nothing is said to be left over of what accounts paid.
func TestExplainUnpayableOnly(t *testing.T) {
	rules, bill := DefaultRules(), benchBill(1, 2)
	bill.Lines = []Line{{ID: "X", Class: "food", Total: 70, Personal: [BucketCount]Fen{OwnExpense: 70}}}
	plan := MakePlan(rules, bill)
	var said []string
	for _, e := range Explain(rules, bill, &plan) {
		if e.Account == "" {
			said = append(said, e.Chinese)
		}
	}
	if len(said) != 1 || said[0] != "第 X 行有 0.70 元须付现金：这类商品不能用个人账户支付。" {
		t.Errorf("the cash is explained as %q", said)
	}
}

// An account that paid is not said to have had nothing: it was used up, or its limit was.
func TestWhyAnAccountStopped(t *testing.T) {
	for rule, want := range map[string]string{
		"share_from": "可用的钱已用完。", "caps.giver_limit_scope": "已用到共济人自己设定的限额。", "reserve.min_after": "已用到须保留的最低余额。",
	} {
		trial := Trial{Account: "G", Payable: 500, Available: 300, Taken: 300, Reason: KZero, Rule: rule}
		if got := trial.Why(); got != want {
			t.Errorf("%s: %q, want %q", rule, got, want)
		}
	}
	if got := (&Trial{Account: "G", Payable: 500, Reason: KZero, Rule: "share_from"}).Why(); got != ReasonSentences[KZero].Message {
		t.Errorf("an empty account: %q", got)
	}
}
