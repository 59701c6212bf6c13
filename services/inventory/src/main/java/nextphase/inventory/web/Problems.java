package nextphase.inventory.web;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.RecoverableDataAccessException;
import org.springframework.dao.TransientDataAccessException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ResponseEntity;
import org.springframework.transaction.TransactionException;
import org.springframework.web.ErrorResponse;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;

/** Turns whatever a request ends in into a problem document. */
@RestControllerAdvice
class Problems {
    /** How long a caller should wait for the database, in seconds. */
    private static final String RETRY_AFTER = "2";

    private static final Logger LOG = LoggerFactory.getLogger(Problems.class);

    @ExceptionHandler
    ResponseEntity<Map<String, Object>> problem(Problem problem) {
        return answer(problem, new HttpHeaders());
    }

    /** The database is away, or too busy to take this now: the caller may try again. */
    @ExceptionHandler({
        DataAccessResourceFailureException.class,
        TransientDataAccessException.class,
        RecoverableDataAccessException.class,
        TransactionException.class
    })
    ResponseEntity<Map<String, Object>> unavailable(Exception error) {
        LOG.atWarn().addKeyValue("reason", String.valueOf(error.getMessage())).log("database is out of reach");
        Span.current().setStatus(StatusCode.ERROR, error.getClass().getSimpleName());
        HttpHeaders headers = new HttpHeaders();
        headers.set(HttpHeaders.RETRY_AFTER, RETRY_AFTER);
        return answer(new Problem(HttpStatus.SERVICE_UNAVAILABLE, "the database is out of reach"), headers);
    }

    /** A parameter in the path or query is no number where one is wanted. */
    @ExceptionHandler
    ResponseEntity<Map<String, Object>> mismatch(MethodArgumentTypeMismatchException error) {
        String detail = "%s must be of type %s".formatted(error.getName(), error.getParameter().getParameterType());
        return answer(new Problem(HttpStatus.UNPROCESSABLE_ENTITY, detail), new HttpHeaders());
    }

    @ExceptionHandler
    ResponseEntity<Map<String, Object>> other(Exception error) {
        // Spring's own refusals (no such path, method, media type) know their status.
        if (error instanceof ErrorResponse refusal && refusal.getStatusCode().is4xxClientError()) {
            String detail = refusal.getBody().getDetail();
            return answer(new Problem(refusal.getStatusCode(), detail), refusal.getHeaders());
        }
        LOG.atError().setCause(error).log("request failed");
        Span.current().recordException(error).setStatus(StatusCode.ERROR);
        HttpStatusCode status = HttpStatus.INTERNAL_SERVER_ERROR;
        return answer(new Problem(status, "the service failed at this request"), new HttpHeaders());
    }

    private static ResponseEntity<Map<String, Object>> answer(Problem problem, HttpHeaders headers) {
        return ResponseEntity.status(problem.status())
                .headers(headers)
                .contentType(Problem.MEDIA_TYPE)
                .body(problem.document());
    }
}
