// Package otlphttp sends spans and log records over OTLP/HTTP and lets no record cost another.
//
// It stands in for the collector's own exporter of that name, with the same settings. That one drops a whole batch
// when the store refuses it. Here a refused batch is sent again in halves, and halves of those, until only the records
// that the store refuses by themselves are dropped, and counted.
//
// That one also tells the pipeline when its queue is full and does not wait for place (block_on_overflow: false). The
// sender would then send the batch again, and everything else in the pipeline would take it twice. Here the batch is
// dropped, and counted in otelcol_exporter_enqueue_failed_spans or _log_records: the others go on.
package otlphttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

const (
	protobuf = "application/x-protobuf"
	// maxAnswerBytes is what is read of an answer.
	maxAnswerBytes = 64 * 1024
	// maxReasonBytes is what is logged of a refusal.
	maxReasonBytes = 512
)

// Config has the settings of the collector's own exporter that the platform uses.
type Config struct {
	ClientConfig confighttp.ClientConfig                                  `mapstructure:",squash"`
	QueueConfig  configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	RetryConfig  configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
}

// Validate refuses a configuration that cannot work.
func (c *Config) Validate() error {
	if c.ClientConfig.Endpoint == "" {
		return errors.New("endpoint has to be set")
	}
	return nil
}

// NewFactory makes exporters of type "otlphttp".
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		component.MustNewType("otlphttp"),
		func() component.Config {
			client := confighttp.NewDefaultClientConfig()
			client.Timeout = 30 * time.Second
			client.Compression = configcompression.TypeGzip
			return &Config{
				ClientConfig: client,
				QueueConfig:  configoptional.Some(exporterhelper.NewDefaultQueueConfig()),
				RetryConfig:  configretry.NewDefaultBackOffConfig(),
			}
		},
		exporter.WithTraces(createTraces, component.StabilityLevelStable),
		exporter.WithLogs(createLogs, component.StabilityLevelStable),
	)
}

func createTraces(ctx context.Context, settings exporter.Settings, config component.Config) (exporter.Traces, error) {
	store, err := newStore(settings, config.(*Config), "/v1/traces", "traces")
	if err != nil {
		return nil, err
	}
	push := func(ctx context.Context, traces ptrace.Traces) error {
		store.lag.trying(traceBatch(traces).newest(pcommon.NewTimestampFromTime(time.Now())))
		left, err := sendAll(ctx, store, traceBatch(traces))
		if left != nil {
			return consumererror.NewTraces(err, ptrace.Traces(*left))
		}
		store.lag.taken()
		return err
	}
	made, err := exporterhelper.NewTraces(ctx, settings, config, push, store.options()...)
	return tracesExporter{made}, err
}

func createLogs(ctx context.Context, settings exporter.Settings, config component.Config) (exporter.Logs, error) {
	store, err := newStore(settings, config.(*Config), "/v1/logs", "logs")
	if err != nil {
		return nil, err
	}
	push := func(ctx context.Context, logs plog.Logs) error {
		store.lag.trying(logBatch(logs).newest(pcommon.NewTimestampFromTime(time.Now())))
		left, err := sendAll(ctx, store, logBatch(logs))
		if left != nil {
			return consumererror.NewLogs(err, plog.Logs(*left))
		}
		store.lag.taken()
		return err
	}
	made, err := exporterhelper.NewLogs(ctx, settings, config, push, store.options()...)
	return logsExporter{made}, err
}

type tracesExporter struct{ exporter.Traces }

// ConsumeTraces puts spans into the queue, or drops them where it is full.
func (t tracesExporter) ConsumeTraces(ctx context.Context, all ptrace.Traces) error {
	return unlessFull(t.Traces.ConsumeTraces(ctx, all))
}

type logsExporter struct{ exporter.Logs }

// ConsumeLogs puts log records into the queue, or drops them where it is full.
func (l logsExporter) ConsumeLogs(ctx context.Context, all plog.Logs) error {
	return unlessFull(l.Logs.ConsumeLogs(ctx, all))
}

// unlessFull gives no error for a full queue: exporterhelper has counted what it did not take.
func unlessFull(err error) error {
	if errors.Is(err, exporterhelper.ErrQueueIsFull) {
		return nil
	}
	return err
}

// store is where the records go.
type store struct {
	config  *Config
	url     string
	log     *zap.Logger
	of      component.TelemetrySettings
	refused metric.Int64Counter
	lag     lag
	labels  metric.MeasurementOption
	client  *http.Client
}

func newStore(settings exporter.Settings, config *Config, path, signal string) (*store, error) {
	meter := settings.MeterProvider.Meter("nextphase/otelcol/otlphttp")
	refused, err := meter.Int64Counter(
		"otelcol_exporter_refused_records",
		metric.WithDescription("Spans and log records that their store refused one by one, and that were dropped."),
	)
	if err != nil {
		return nil, err
	}
	made := &store{
		config:  config,
		url:     strings.TrimSuffix(config.ClientConfig.Endpoint, "/") + path,
		log:     settings.Logger,
		of:      settings.TelemetrySettings,
		refused: refused,
		labels: metric.WithAttributes(
			attribute.String("exporter", settings.ID.String()), attribute.String("data_type", signal),
		),
	}
	return made, made.lag.show(meter, made.labels)
}

func (s *store) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(func(ctx context.Context, host component.Host) (err error) {
			s.count(0) // an alert needs the series from the start
			s.client, err = s.config.ClientConfig.ToClient(ctx, host.GetExtensions(), s.of)
			return err
		}),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}), // each request has its own
		exporterhelper.WithRetry(s.config.RetryConfig),
		exporterhelper.WithQueue(s.config.QueueConfig),
	}
}

func (s *store) count(records int64) {
	s.refused.Add(context.Background(), records, s.labels)
}

// refusal is an answer that blames what was sent: to send the same again is no use.
type refusal struct {
	reason string
}

func (r *refusal) Error() string { return r.reason }

// post sends a request and gives the body of the answer.
//
// Errors: a refusal; a permanent error where the store takes nothing of ours whatever is in it (a wrong address, no
// right to write); any other error means to try again.
func (s *store) post(ctx context.Context, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, consumererror.NewPermanent(err)
	}
	request.Header.Set("Content-Type", protobuf)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if code := response.StatusCode; code < 200 || code > 299 {
		return nil, failure(response, answer)
	}
	if err != nil {
		return nil, err
	}
	if response.Header.Get("Content-Type") != protobuf {
		return nil, nil // Loki answers 204, others JSON: taken, with nothing to tell
	}
	return answer, nil
}

func failure(response *http.Response, answer []byte) error {
	reason := fmt.Sprintf("HTTP %d: %s", response.StatusCode, printable(answer))
	switch response.StatusCode {
	// The answers after which OTLP/HTTP has a client try again.
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds >= 0 {
			return exporterhelper.NewThrottleRetry(errors.New(reason), time.Duration(seconds)*time.Second)
		}
		return errors.New(reason)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
		http.StatusInternalServerError:
		return &refusal{reason}
	}
	return consumererror.NewPermanent(errors.New(reason))
}

// printable is the beginning of an answer for a log line.
func printable(answer []byte) string {
	text := strings.ToValidUTF8(string(answer[:min(len(answer), maxReasonBytes)]), "")
	return strings.Map(func(each rune) rune {
		if each < ' ' {
			return ' '
		}
		return each
	}, text)
}

// batch is what is sent in one request.
type batch[T any] interface {
	len() int
	// split moves the first half out; only for two records and more.
	split() (T, T)
	// add takes the records of another batch.
	add(T)
	// send gives how many records the store says it did not take.
	send(ctx context.Context, to *store) (int64, error)
}

// sendAll sends a batch, in halves where the store refuses it: at most twice as many requests as it has records.
//
// Returns what is still to be sent and why, where the store has to be asked again later.
func sendAll[T batch[T]](ctx context.Context, to *store, whole T) (*T, error) {
	for waiting := []T{whole}; len(waiting) > 0; {
		last := len(waiting) - 1
		next := waiting[last]
		waiting = waiting[:last]
		rejected, err := next.send(ctx, to)
		var refused *refusal
		switch {
		case err == nil && rejected == 0:
		case err == nil:
			to.count(rejected)
			to.log.Error("Store took only a part", zap.Int64("dropped", rejected))
		case !errors.As(err, &refused):
			for _, each := range waiting {
				next.add(each)
			}
			return &next, err
		case next.len() > 1:
			first, second := next.split()
			waiting = append(waiting, second, first)
		default:
			to.count(int64(next.len()))
			to.log.Error("Store refused a record; it is dropped", zap.String("reason", refused.reason))
		}
	}
	return nil, nil
}

type logBatch plog.Logs

func (b logBatch) len() int { return plog.Logs(b).LogRecordCount() }

// newest is when the newest record was made that is not from the future; 0 where there is none.
func (b logBatch) newest(now pcommon.Timestamp) (newest pcommon.Timestamp) {
	for _, resource := range plog.Logs(b).ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if at := record.Timestamp(); at <= now {
					newest = max(newest, at)
				}
			}
		}
	}
	return newest
}

func (b logBatch) add(more logBatch) {
	plog.Logs(more).ResourceLogs().MoveAndAppendTo(plog.Logs(b).ResourceLogs())
}

func (b logBatch) split() (logBatch, logBatch) {
	left := b.len() / 2
	first, second := plog.NewLogs(), plog.NewLogs()
	for _, resource := range plog.Logs(b).ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			records := scope.LogRecords()
			count := min(left, records.Len())
			left -= count
			copyLogs(resource, scope, 0, count, first)
			copyLogs(resource, scope, count, records.Len(), second)
		}
	}
	return logBatch(first), logBatch(second)
}

func copyLogs(resource plog.ResourceLogs, scope plog.ScopeLogs, from, until int, to plog.Logs) {
	if from == until {
		return
	}
	ofResource := to.ResourceLogs().AppendEmpty()
	ofResource.SetSchemaUrl(resource.SchemaUrl())
	resource.Resource().CopyTo(ofResource.Resource())
	ofScope := ofResource.ScopeLogs().AppendEmpty()
	ofScope.SetSchemaUrl(scope.SchemaUrl())
	scope.Scope().CopyTo(ofScope.Scope())
	ofScope.LogRecords().EnsureCapacity(until - from)
	for at := from; at < until; at++ {
		scope.LogRecords().At(at).CopyTo(ofScope.LogRecords().AppendEmpty())
	}
}

func (b logBatch) send(ctx context.Context, to *store) (int64, error) {
	body, err := plogotlp.NewExportRequestFromLogs(plog.Logs(b)).MarshalProto()
	if err != nil {
		return 0, &refusal{err.Error()}
	}
	answer, err := to.post(ctx, body)
	if err != nil || len(answer) == 0 {
		return 0, err
	}
	response := plogotlp.NewExportResponse()
	if response.UnmarshalProto(answer) != nil {
		return 0, nil // it was taken, whatever was said beside that
	}
	return response.PartialSuccess().RejectedLogRecords(), nil
}

type traceBatch ptrace.Traces

func (b traceBatch) len() int { return ptrace.Traces(b).SpanCount() }

// newest is when the newest span ended that is not from the future; 0 where there is none.
func (b traceBatch) newest(now pcommon.Timestamp) (newest pcommon.Timestamp) {
	for _, resource := range ptrace.Traces(b).ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				if at := span.EndTimestamp(); at <= now {
					newest = max(newest, at)
				}
			}
		}
	}
	return newest
}

func (b traceBatch) add(more traceBatch) {
	ptrace.Traces(more).ResourceSpans().MoveAndAppendTo(ptrace.Traces(b).ResourceSpans())
}

func (b traceBatch) split() (traceBatch, traceBatch) {
	left := b.len() / 2
	first, second := ptrace.NewTraces(), ptrace.NewTraces()
	for _, resource := range ptrace.Traces(b).ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			spans := scope.Spans()
			count := min(left, spans.Len())
			left -= count
			copySpans(resource, scope, 0, count, first)
			copySpans(resource, scope, count, spans.Len(), second)
		}
	}
	return traceBatch(first), traceBatch(second)
}

func copySpans(resource ptrace.ResourceSpans, scope ptrace.ScopeSpans, from, until int, to ptrace.Traces) {
	if from == until {
		return
	}
	ofResource := to.ResourceSpans().AppendEmpty()
	ofResource.SetSchemaUrl(resource.SchemaUrl())
	resource.Resource().CopyTo(ofResource.Resource())
	ofScope := ofResource.ScopeSpans().AppendEmpty()
	ofScope.SetSchemaUrl(scope.SchemaUrl())
	scope.Scope().CopyTo(ofScope.Scope())
	ofScope.Spans().EnsureCapacity(until - from)
	for at := from; at < until; at++ {
		scope.Spans().At(at).CopyTo(ofScope.Spans().AppendEmpty())
	}
}

func (b traceBatch) send(ctx context.Context, to *store) (int64, error) {
	body, err := ptraceotlp.NewExportRequestFromTraces(ptrace.Traces(b)).MarshalProto()
	if err != nil {
		return 0, &refusal{err.Error()}
	}
	answer, err := to.post(ctx, body)
	if err != nil || len(answer) == 0 {
		return 0, err
	}
	response := ptraceotlp.NewExportResponse()
	if response.UnmarshalProto(answer) != nil {
		return 0, nil // it was taken, whatever was said beside that
	}
	return response.PartialSuccess().RejectedSpans(), nil
}
