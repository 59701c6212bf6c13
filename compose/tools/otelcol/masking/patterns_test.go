package masking

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// examples are those that the tests of the other languages have, too.
type examples struct {
	Masked      map[string]string
	Kept        []string
	SecretNames []string `json:"secret_names"`
	OtherNames  []string `json:"other_names"`
}

func read(t *testing.T) (read examples) {
	document, err := os.ReadFile("../../../../observability/tests/masking.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestSecretsAreMasked(t *testing.T) {
	for whole, want := range read(t).Masked {
		if masked := text(whole); !mayHold(whole) || masked != want {
			t.Errorf("%s is %s, not %s", whole, masked, want)
		}
	}
}

func TestWhatIsNoSecretIsKept(t *testing.T) {
	for _, kept := range read(t).Kept {
		if masked := text(kept); masked != kept {
			t.Errorf("%s is %s", kept, masked)
		}
	}
}

func TestNamesSayWhichFieldsAreSecret(t *testing.T) {
	for _, name := range read(t).SecretNames {
		if !isSecret(name) {
			t.Error(name)
		}
	}
	for _, name := range read(t).OtherNames {
		if isSecret(name) {
			t.Error(name)
		}
	}
}

func TestASpanIsMasked(t *testing.T) {
	span := ptrace.NewSpan()
	span.Attributes().PutStr("api_key", "hunter2")
	span.Attributes().PutEmptySlice("headers").AppendEmpty().SetStr("Bearer hunter2hunter2")
	span.Attributes().PutEmptyMap("body").PutInt("card_number", 7)
	span.Events().AppendEmpty().Attributes().PutStr("exception.message", "no ada@example.com")
	span.Status().SetMessage("password=hunter2")
	maskSpan(span)
	event, _ := span.Events().At(0).Attributes().Get("exception.message")
	found := []string{span.Status().Message(), event.Str()}
	for _, value := range span.Attributes().All() {
		found = append(found, value.AsString())
	}
	want := `password=***|no ***|***|["Bearer ***"]|{"card_number":"***"}`
	if got := strings.Join(found, "|"); got != want {
		t.Fatal(got)
	}
}

func BenchmarkASpanWithoutSecrets(b *testing.B) {
	span := ptrace.NewSpan()
	for name, value := range map[string]string{
		"url.path": "/v1/orders/0a6a2b50-d1ae-4579-92f0-9836a28eea37", "http.route": "/v1/orders/{order_id}",
		"http.request.method": "GET", "url.scheme": "http", "user_agent.original": "python-httpx/0.27.2",
		"client.address": "127.0.0.1", "network.protocol.version": "1.1", "server.address": "127.0.0.1",
	} {
		span.Attributes().PutStr(name, value)
	}
	span.Attributes().PutInt("http.response.status_code", 200)
	for b.Loop() {
		maskSpan(span)
	}
}
