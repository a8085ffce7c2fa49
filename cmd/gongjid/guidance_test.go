package main

import (
	"encoding/json"
	"strings"
	"testing"

	"gongji/daemon/localapi"
)

func TestPolicyGuidance(t *testing.T) {
	out, _, err := runPolicy(t, "guidance", "430100", "--on", "2026-03-10")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"430100 长沙市", "湘医保", "医保服务热线 12393", "依据 (gov): 医疗保障基金使用监督管理条例"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _, err = runPolicy(t, "guidance", "420000", "--topic", "premium", "--json")
	var answer localapi.GuidanceAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || len(answer.Topics) != 1 || answer.Topics[0].Channels[0].Name != "楚税通" {
		t.Errorf("Hubei's premiums: %v\n%s", err, out)
	}
	if _, _, err := runPolicy(t, "guidance", "CN", "--topic", "weather"); err == nil || !strings.Contains(err.Error(), "hotline") {
		t.Errorf("an unknown topic: %v", err)
	}
}
