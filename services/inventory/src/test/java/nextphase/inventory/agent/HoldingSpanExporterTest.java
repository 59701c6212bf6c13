package nextphase.inventory.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.exporter.internal.FailedExportException;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.HttpResponse;
import io.opentelemetry.sdk.testing.trace.TestSpanData;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.data.StatusData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HoldingSpanExporterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private final DroppedSpans dropped = new DroppedSpans();

    @Test
    void sendsLaterWhatTheCollectorDidNotTakeAtOnce() {
        Collector collector = new Collector(2);
        HoldingSpanExporter exporter = exporter(collector);
        List<SpanData> reused = new ArrayList<>(List.of(span("first")));
        exporter.export(reused);
        reused.clear(); // as the batch processor does
        exporter.export(List.of(span("second")));
        assertTimeoutPreemptively(PATIENCE, () -> {
            assertEquals("first", collector.taken.take());
            assertEquals("second", collector.taken.take());
        });
        assertEquals(0, dropped.getCount());
    }

    @Test
    void holdsABoundedNumberAndDropsAndCountsTheOldest() {
        Collector collector = new Collector(1);
        HoldingSpanExporter exporter = exporter(collector);
        int batches = HoldingSpanExporter.CAPACITY / 512 + 3;
        for (int number = 0; number < batches; number++) {
            exporter.export(Collections.nCopies(512, span("batch " + number)));
        }
        exporter.export(List.of(span("last")));
        assertTimeoutPreemptively(PATIENCE, () -> {
            while (!collector.taken.contains("last")) {
                Thread.onSpinWait();
            }
        });
        assertTrue(dropped.getCount() > 0);
        assertEquals(batches * 512 + 1, collector.taken.size() + dropped.getCount());
        assertFalse(collector.taken.contains("batch 0"));
    }

    @Test
    void dropsOnlyWhatTheCollectorRefuses() {
        for (int status : new int[] {400, 413, 422, 500}) {
            Collector collector = new Collector(0);
            collector.status = status;
            HoldingSpanExporter exporter = exporter(collector);
            List<SpanData> spans = new ArrayList<>();
            IntStream.range(0, 40).forEach(number -> spans.add(span((number % 19 == 0 ? "bad " : "good ") + number)));
            exporter.export(spans);
            exporter.export(List.of(span("after")));
            assertTimeoutPreemptively(PATIENCE, () -> {
                while (!collector.taken.contains("after")) {
                    Thread.onSpinWait();
                }
            });
            assertEquals(38, collector.taken.size());
        }
        assertEquals(4 * 3, dropped.getCount());
    }

    @Test
    void dropsWhatIsForbiddenAtOnceAndSendsAgainWhatIsNotTakenNow() {
        Collector collector = new Collector(0);
        collector.status = 401;
        HoldingSpanExporter exporter = exporter(collector);
        exporter.export(List.of(span("bad"), span("good")));
        exporter.export(List.of(span("after")));
        assertTimeoutPreemptively(PATIENCE, () -> assertEquals("after", collector.taken.take()));
        assertEquals(2, dropped.getCount());
        collector.status = 503;
        exporter.export(List.of(span("bad")));
        assertTimeoutPreemptively(PATIENCE, () -> collector.refused.acquire(3));
        collector.status = 200;
        assertTimeoutPreemptively(PATIENCE, () -> assertEquals("bad", collector.taken.take()));
        assertEquals(2, dropped.getCount());
    }

    @Test
    void sendsOrCountsEverySpanHoweverManyEndAtOnce() throws InterruptedException {
        Collector collector = new Collector(0);
        QueueRoom room = new QueueRoom(dropped);
        SpanProcessor batching = BatchSpanProcessor.builder(new HoldingSpanExporter(collector, room, dropped))
                .setMaxQueueSize(QueueRoom.CAPACITY)
                .build();
        try (SdkTracerProvider provider = SdkTracerProvider.builder()
                .addSpanProcessor(new LingeringSpanProcessor(batching, room))
                .build()) {
            Tracer tracer = provider.get("test");
            Runnable work = () -> IntStream.range(0, 50_000).forEach(number -> tracer.spanBuilder("work").startSpan().end());
            List<Thread> threads = List.of(new Thread(work), new Thread(work), new Thread(work), new Thread(work));
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
        }
        assertEquals(200_000, collector.taken.size() + dropped.getCount());
    }

    @Test
    void sendsWhatIsHeldBeforeItStops() {
        Collector collector = new Collector(1);
        HoldingSpanExporter exporter = exporter(collector);
        exporter.export(List.of(span("last")));
        assertTimeoutPreemptively(PATIENCE, exporter::shutdown);
        assertEquals(List.of("last"), List.copyOf(collector.taken));
    }

    private HoldingSpanExporter exporter(Collector collector) {
        return new HoldingSpanExporter(collector, new QueueRoom(dropped), dropped);
    }

    private static SpanData span(String name) {
        return TestSpanData.builder()
                .setName(name)
                .setKind(SpanKind.INTERNAL)
                .setStatus(StatusData.unset())
                .setStartEpochNanos(1)
                .setEndEpochNanos(2)
                .setHasEnded(true)
                .build();
    }

    /** A collector that is away for the first so many exports, and answers `status` to a batch with a bad span. */
    private static final class Collector implements SpanExporter {
        final LinkedBlockingQueue<String> taken = new LinkedBlockingQueue<>();
        final Semaphore refused = new Semaphore(0);
        volatile int status = 200;
        private int away;

        Collector(int away) {
            this.away = away;
        }

        @Override
        public CompletableResultCode export(Collection<SpanData> spans) {
            if (away-- > 0) {
                return CompletableResultCode.ofFailure();
            }
            int answered = status;
            if (answered != 200 && spans.stream().anyMatch(span -> span.getName().startsWith("bad"))) {
                refused.release();
                return CompletableResultCode.ofExceptionalFailure(
                        FailedExportException.httpFailedWithResponse(new Answer(answered)));
            }
            spans.forEach(span -> taken.add(span.getName()));
            return CompletableResultCode.ofSuccess();
        }

        @Override
        public CompletableResultCode flush() {
            return CompletableResultCode.ofSuccess();
        }

        @Override
        public CompletableResultCode shutdown() {
            return CompletableResultCode.ofSuccess();
        }
    }

    private record Answer(int status) implements HttpResponse {
        @Override
        public int getStatusCode() {
            return status;
        }

        @Override
        public String getStatusMessage() {
            return "";
        }

        @Override
        public byte[] getResponseBody() {
            return new byte[0];
        }
    }
}
