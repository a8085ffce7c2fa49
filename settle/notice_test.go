package settle

import (
	"errors"
	"fmt"
	"testing"
)

// noticeBind is a binding that every rule of the baseline lets through.
func noticeBind(read NoticeRead) BindingFacts {
	return BindingFacts{
		Day: 20260310, Giver: Person{ID: "G", Insurance: InsuranceEmployee, Status: StatusNormal, Area: "430100"},
		Beneficiary: Person{ID: "P", Insurance: InsuranceResident, Status: StatusNormal, Area: "430100"},
		Request:     BindingRequest{Action: BindingBind, Relation: Parent, Commitment: true, Notice: read},
	}
}

func TestNotices(t *testing.T) {
	required := Notice{ID: "N1", Version: "3", Title: "告知书", Required: true}
	offered := required
	offered.Required = false
	for _, c := range []struct {
		name   string
		notice Notice
		read   NoticeRead
		ok     bool
	}{
		{"no notice", Notice{}, NoticeRead{}, true},
		{"no notice, one was read", Notice{}, NoticeRead{"X", "1", "giver"}, true},
		{"required and read", required, NoticeRead{"N1", "3", "giver"}, true},
		{"required and read aloud", required, NoticeRead{"N1", "3", "operator"}, true},
		{"required and missing", required, NoticeRead{}, false},
		{"an old version", required, NoticeRead{"N1", "2", "giver"}, false},
		{"another notice", required, NoticeRead{"N2", "3", "giver"}, false},
		{"nobody read it", required, NoticeRead{"N1", "3", ""}, false},
		{"offered and not read", offered, NoticeRead{}, true},
		{"offered, an old version read", offered, NoticeRead{"N1", "2", "giver"}, false},
	} {
		rules := DefaultRules()
		rules.Notices.Binding = c.notice
		err := CheckBinding(rules, noticeBind(c.read))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, Refused(EBindingNotice)) {
			t.Errorf("%s: %v", c.name, err)
		}
		var refusal *Error
		if errors.As(err, &refusal) && (refusal.Members["rule"] != "notices.binding" || refusal.Members["notice_version"] != "3") {
			t.Errorf("%s: members %v", c.name, refusal.Members)
		}
	}
	rules := DefaultRules()
	rules.Notices.Unbinding = required
	f := noticeBind(NoticeRead{})
	f.Request.Action, f.Request.EndReason = BindingUnbind, EndDivorce
	f.GiverBindings = []Binding{{ID: "B", Giver: "G", Beneficiary: "P"}}
	if err := CheckBinding(rules, f); !errors.Is(err, Refused(EBindingNotice)) {
		t.Errorf("unbinding without the notice: %v", err)
	}
	f.Request.Notice = NoticeRead{"N1", "3", "giver"}
	if err := CheckBinding(rules, f); err != nil {
		t.Errorf("unbinding after the notice: %v", err)
	}
}

func TestContactsDoNotPrint(t *testing.T) {
	c := Contact{Phone: "13800000001", HouseholdAddress: "某路一号"}
	if text := fmt.Sprintf("%v %s %v", c, c, c.LogValue()); text != "[contact] [contact] [contact]" {
		t.Errorf("printed %s", text)
	}
}
