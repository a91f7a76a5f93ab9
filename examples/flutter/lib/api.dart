/// The server's answers, and the requests for them.
///
/// Each class that has `fromJson` decodes one schema of the server's /openapi.json.
library;

import 'dart:convert';

import 'package:http/http.dart' as http;

/// One camera and what it is doing.
class Camera {
  const Camera({
    required this.id,
    required this.name,
    required this.state,
    required this.reason,
    required this.liveUrl,
    required this.codec,
    required this.bitRate,
    required this.recordedTodaySeconds,
  });

  factory Camera.fromJson(Map<String, dynamic> json) => Camera(
        id: json['id'] as String,
        name: json['name'] as String,
        state: json['state'] as String,
        reason: json['reason'] as String,
        liveUrl: json['live_url'] as String,
        codec: json['codec'] as String?,
        bitRate: json['bit_rate'] as int?,
        recordedTodaySeconds: (json['recorded_today_seconds'] as num).toDouble(),
      );

  final String id;
  final String name;
  final String state;
  final String reason;
  final String liveUrl;
  final String? codec;
  final int? bitRate;
  final double recordedTodaySeconds;

  bool get isRunning => state == 'running';
}

/// One page of what a camera recorded, newest day first.
class Recordings {
  const Recordings({required this.days, required this.nextUrl});

  factory Recordings.fromJson(Map<String, dynamic> json) => Recordings(
        days: (json['days'] as List<dynamic>).map((day) => Day.fromJson(day as Map<String, dynamic>)).toList(),
        nextUrl: json['next_url'] as String?,
      );

  final List<Day> days;
  final String? nextUrl;
}

/// One local day.
class Day {
  const Day({
    required this.date,
    required this.seconds,
    required this.missingSeconds,
    required this.bytes,
    required this.hours,
    required this.gaps,
  });

  factory Day.fromJson(Map<String, dynamic> json) => Day(
        date: json['date'] as String,
        seconds: (json['seconds'] as num).toDouble(),
        missingSeconds: (json['missing_seconds'] as num).toDouble(),
        bytes: json['bytes'] as int,
        hours: (json['hours'] as List<dynamic>).map((hour) => Hour.fromJson(hour as Map<String, dynamic>)).toList(),
        gaps: (json['gaps'] as List<dynamic>).map((gap) => Gap.fromJson(gap as Map<String, dynamic>)).toList(),
      );

  final String date;
  final double seconds;
  final double missingSeconds;
  final int bytes;
  final List<Hour> hours;
  final List<Gap> gaps;
}

/// One local hour with recordings.
class Hour {
  const Hour({
    required this.playlistUrl,
    required this.startsAt,
    required this.endsAt,
    required this.seconds,
    required this.bytes,
  });

  factory Hour.fromJson(Map<String, dynamic> json) => Hour(
        playlistUrl: json['playlist_url'] as String,
        startsAt: json['starts_at'] as String,
        endsAt: json['ends_at'] as String,
        seconds: (json['seconds'] as num).toDouble(),
        bytes: json['bytes'] as int,
      );

  final String playlistUrl;
  final String startsAt;
  final String endsAt;
  final double seconds;
  final int bytes;
}

/// Time that no recording covers, and why.
class Gap {
  const Gap({required this.start, required this.seconds, required this.cause, required this.detail});

  factory Gap.fromJson(Map<String, dynamic> json) => Gap(
        start: json['start'] as String,
        seconds: (json['seconds'] as num).toDouble(),
        cause: json['cause'] as String,
        detail: json['detail'] as String,
      );

  final String start;
  final double seconds;
  final String cause;
  final String detail;
}

/// The state of the whole system.
class Health {
  const Health({required this.status, required this.findings});

  factory Health.fromJson(Map<String, dynamic> json) => Health(
        status: json['status'] as String,
        findings: (json['findings'] as List<dynamic>)
            .map((finding) => Finding.fromJson(finding as Map<String, dynamic>))
            .toList(),
      );

  final String status;
  final List<Finding> findings;
}

/// One result of the health check.
class Finding {
  const Finding({required this.name, required this.severity, required this.camera, required this.sentence});

  factory Finding.fromJson(Map<String, dynamic> json) => Finding(
        name: json['name'] as String,
        severity: json['severity'] as String,
        camera: json['camera'] as String?,
        sentence: json['sentence'] as String,
      );

  final String name;
  final String severity;
  final String? camera;
  final String sentence;
}

/// The server's own sentence about what went wrong.
class ApiError implements Exception {
  const ApiError({required this.detail});

  factory ApiError.fromJson(Map<String, dynamic> json) => ApiError(
        detail: json['detail'] as String,
      );

  final String detail;

  @override
  String toString() => detail;
}

/// Sends requests to one server.
class CctvApi {
  const CctvApi(this.server);

  /// The server's address, such as http://192.168.1.10:8000
  final Uri server;

  /// The address of a path in one of the server's answers.
  Uri url(String path) => server.resolve(path);

  Future<List<Camera>> cameras() async {
    final list = await _get('/cameras') as List<dynamic>;
    return list.map((camera) => Camera.fromJson(camera as Map<String, dynamic>)).toList();
  }

  /// The page at `path`; the first one is /recordings/{camera id}.
  Future<Recordings> recordings(String path) async {
    return Recordings.fromJson(await _get(path) as Map<String, dynamic>);
  }

  Future<Health> health() async {
    return Health.fromJson(await _get('/health') as Map<String, dynamic>);
  }

  /// Throws the server's reason when it does not serve this playlist.
  Future<void> checkPlaylist(String path) async {
    _throwIfRefused(await _ask(path));
  }

  Future<Object?> _get(String path) async {
    final response = await _ask(path);
    _throwIfRefused(response);
    return json.decode(utf8.decode(response.bodyBytes));
  }

  Future<http.Response> _ask(String path) {
    return http.get(url(path)).timeout(const Duration(seconds: 10));
  }

  void _throwIfRefused(http.Response response) {
    if (response.statusCode == 200) {
      return;
    }
    final body = json.decode(utf8.decode(response.bodyBytes));
    throw ApiError.fromJson(body as Map<String, dynamic>);
  }
}
