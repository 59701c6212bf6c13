package otlphttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// logStore refuses a request for one bad record in it, as Loki does.
type logStore struct {
	lock     sync.Mutex
	lines    []string
	requests int
	// answers takes the place of the store's own answer if it gives a status.
	answers func(request int) int
	// tells is the body of an answer that all was taken.
	tells string
}

func (s *logStore) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	body, _ := io.ReadAll(request.Body)
	s.requests++
	if s.answers != nil {
		if status := s.answers(s.requests); status != 0 {
			answer.WriteHeader(status)
			return
		}
	}
	lines, services := linesOf(request.URL.Path, body)
	if slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "bad") }) {
		http.Error(answer, "label name is empty", http.StatusBadRequest)
		return
	}
	for at, line := range lines {
		s.lines = append(s.lines, services[at]+" "+line)
	}
	answer.Header().Set("Content-Type", protobuf)
	io.WriteString(answer, s.tells)
}

func linesOf(path string, body []byte) (lines, services []string) {
	if path == "/v1/traces" {
		export := ptraceotlp.NewExportRequest()
		export.UnmarshalProto(body)
		for _, resource := range export.Traces().ResourceSpans().All() {
			service, _ := resource.Resource().Attributes().Get("service.name")
			for _, span := range resource.ScopeSpans().At(0).Spans().All() {
				lines, services = append(lines, span.Name()), append(services, service.Str())
			}
		}
		return lines, services
	}
	export := plogotlp.NewExportRequest()
	export.UnmarshalProto(body)
	for _, resource := range export.Logs().ResourceLogs().All() {
		service, _ := resource.Resource().Attributes().Get("service.name")
		for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
			lines, services = append(lines, record.Body().Str()), append(services, service.Str())
		}
	}
	return lines, services
}

type sending struct {
	*testing.T
	id     string
	store  *logStore
	reader *metric.ManualReader
	logs   func(plog.Logs) error
	traces func(ptrace.Traces) error
}

func start(t *testing.T) *sending {
	// Without a queue consuming is sending.
	return startWith(t, &logStore{}, configoptional.None[exporterhelper.QueueBatchConfig]())
}

func startWith(t *testing.T, store *logStore, queue configoptional.Optional[exporterhelper.QueueBatchConfig]) *sending {
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	config := NewFactory().CreateDefaultConfig().(*Config)
	config.ClientConfig.Endpoint = server.URL
	config.ClientConfig.Compression = ""
	config.QueueConfig = queue
	config.RetryConfig.InitialInterval = time.Millisecond
	settings := exportertest.NewNopSettings(component.MustNewType("otlphttp"))
	reader := metric.NewManualReader()
	settings.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
	made := &sending{T: t, id: settings.ID.String(), store: store, reader: reader}
	logs, err := NewFactory().CreateLogs(t.Context(), settings, config)
	if err != nil {
		t.Fatal(err)
	}
	traces, err := NewFactory().CreateTraces(t.Context(), settings, config)
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []component.Component{logs, traces} {
		if err := each.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { each.Shutdown(context.Background()) })
	}
	made.logs = func(all plog.Logs) error { return logs.ConsumeLogs(t.Context(), all) }
	made.traces = func(all ptrace.Traces) error { return traces.ConsumeTraces(t.Context(), all) }
	return made
}

func (s *sending) refused(signal string) int64 {
	return s.sum("otelcol_exporter_refused_records", "data_type", signal)
}

func (s *sending) sum(metric, label, is string) (total int64) {
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(s.Context(), &all); err != nil {
		s.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, each := range scope.Metrics {
			if each.Name != metric {
				continue
			}
			for _, point := range each.Data.(metricdata.Sum[int64]).DataPoints {
				if value, _ := point.Attributes.Value(attribute.Key(label)); value.AsString() == is {
					total += point.Value
				}
			}
		}
	}
	return total
}

// logs of three services, every `bad`th record bad.
func logs(count, bad int) plog.Logs {
	all := plog.NewLogs()
	for service := range 3 {
		resource := all.ResourceLogs().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprint("s", service))
		records := resource.ScopeLogs().AppendEmpty().LogRecords()
		for number := service; number < count; number += 3 {
			records.AppendEmpty().Body().SetStr(name(number, bad))
		}
	}
	return all
}

func name(number, bad int) string {
	if number%bad == bad-1 {
		return fmt.Sprint("bad ", number)
	}
	return fmt.Sprint("good ", number)
}

func (s *sending) hasAllGood(count, bad int) {
	s.Helper()
	var wanted []string
	for number := range count {
		if number%bad != bad-1 {
			wanted = append(wanted, fmt.Sprint("s", number%3, " ", name(number, bad)))
		}
	}
	slices.Sort(wanted)
	slices.Sort(s.store.lines)
	if !slices.Equal(wanted, s.store.lines) {
		s.Fatalf("%d lines of %d", len(s.store.lines), len(wanted))
	}
}

func TestOnlyTheBadRecordsAreDroppedAndCounted(t *testing.T) {
	for _, bad := range []int{1, 2, 7, 299, 1000} {
		s := start(t)
		if err := s.logs(logs(300, bad)); err != nil {
			t.Fatal(err)
		}
		s.hasAllGood(300, bad)
		if got, wanted := s.refused("logs"), int64(300/bad); got != wanted {
			t.Fatal(got, wanted)
		}
		if s.store.requests > 600 {
			t.Fatal(s.store.requests)
		}
	}
}

func TestOnlyTheBadSpanIsDropped(t *testing.T) {
	s := start(t)
	all := ptrace.NewTraces()
	for service := range 3 {
		resource := all.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprint("s", service))
		spans := resource.ScopeSpans().AppendEmpty().Spans()
		for number := service; number < 100; number += 3 {
			spans.AppendEmpty().SetName(name(number, 100))
		}
	}
	if err := s.traces(all); err != nil {
		t.Fatal(err)
	}
	s.hasAllGood(100, 100)
	if s.refused("traces") != 1 {
		t.Fatal(s.refused("traces"))
	}
}

func TestAStoreThatIsBusyInBetweenLosesAndRepeatsNothing(t *testing.T) {
	s := start(t)
	s.store.answers = func(request int) int {
		if request == 2 || request == 5 || request == 6 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := s.logs(logs(64, 21)); err != nil {
		t.Fatal(err)
	}
	s.hasAllGood(64, 21)
	if got := s.refused("logs"); got != 3 {
		t.Fatal(got)
	}
}

func TestAStoreThatTakesNothingOfOursIsNotAskedRecordByRecord(t *testing.T) {
	s := start(t)
	s.store.answers = func(int) int { return http.StatusUnauthorized }
	if err := s.logs(logs(300, 7)); err == nil {
		t.Fatal("no error: nothing would count them")
	}
	if s.store.requests != 1 {
		t.Fatal(s.store.requests)
	}
}

func TestWhatTheStoreSaysItDidNotTakeIsCounted(t *testing.T) {
	response := plogotlp.NewExportResponse()
	response.PartialSuccess().SetRejectedLogRecords(3)
	partly, _ := response.MarshalProto()
	for content, wanted := range map[string]int64{string(partly): 3, "no protobuf": 0, "": 0} {
		s := start(t)
		s.store.tells = content
		if err := s.logs(logs(10, 1000)); err != nil {
			t.Fatal(err)
		}
		if got := s.refused("logs"); got != wanted {
			t.Fatalf("%q: %d", content, got)
		}
	}
}

func TestWhatAFullQueueDoesNotTakeIsCountedAndNoError(t *testing.T) {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.QueueSize, queue.NumConsumers = 1, 1
	busy := make(chan struct{})
	store := &logStore{answers: func(int) int { <-busy; return 0 }}
	s := startWith(t, store, configoptional.Some(queue))
	t.Cleanup(func() { close(busy) })
	for range 10 {
		if err := s.logs(logs(3, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := s.traces(spans(3)); err != nil {
			t.Fatal(err)
		}
	}
	for _, metric := range []string{
		"otelcol_exporter_enqueue_failed_log_records", "otelcol_exporter_enqueue_failed_spans",
	} {
		// One batch is being sent, or not yet, and one waits.
		if got := s.sum(metric, "exporter", s.id); got != 8*3 && got != 9*3 {
			t.Fatal(metric, got)
		}
	}
}

func spans(count int) ptrace.Traces {
	all := ptrace.NewTraces()
	these := all.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range count {
		these.AppendEmpty().SetName("good")
	}
	return all
}

func TestTheLagIsTheAgeOfTheNewestRecord(t *testing.T) {
	s := start(t)
	now := time.Now()
	all := plog.NewLogs()
	records := all.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, age := range []time.Duration{2 * time.Hour, time.Hour, -time.Hour} {
		records.AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(now.Add(-age)))
	}
	if err := s.logs(all); err != nil {
		t.Fatal(err)
	}
	spans := ptrace.NewTraces()
	span := spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute)))
	if err := s.traces(spans); err != nil {
		t.Fatal(err)
	}
	for signal, age := range map[string]time.Duration{"logs": time.Hour, "traces": time.Minute} {
		if lag := s.lag(signal); lag < age.Seconds() || lag > age.Seconds()+30 {
			t.Fatalf("lag of %s: %v s", signal, lag)
		}
	}
}

func TestTheLagGrowsWhileAStoreTakesNothingAndEnds(t *testing.T) {
	now := time.Now()
	var late lag
	expect := func(at time.Time, seconds float64) {
		t.Helper()
		if is := late.seconds(at); is < seconds-0.5 || is > seconds+0.5 {
			t.Fatalf("%v s, not %v", is, seconds)
		}
	}
	expect(now, 0)
	late.trying(pcommon.NewTimestampFromTime(now.Add(-10 * time.Second)))
	expect(now, 10)
	expect(now.Add(time.Hour), 3610)
	late.trying(0) // a batch of records without a time says nothing
	expect(now.Add(time.Hour), 3610)
	late.taken()
	expect(now.Add(5*time.Second), 10)
	expect(now.Add(time.Minute), 0) // nothing has come since
}

func (s *sending) lag(signal string) float64 {
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(s.Context(), &all); err != nil {
		s.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			gauge, isGauge := metric.Data.(metricdata.Gauge[float64])
			if !isGauge || metric.Name != "otelcol_exporter_lag_seconds" {
				continue
			}
			for _, point := range gauge.DataPoints {
				if value, _ := point.Attributes.Value("data_type"); value.AsString() == signal {
					return point.Value
				}
			}
		}
	}
	return -1
}
