import 'package:flutter/material.dart';
import 'package:shared_preferences/shared_preferences.dart';
import 'package:video_player/video_player.dart';

import 'api.dart';

const _serverKey = 'server';
const _firstServer = 'http://192.168.1.10:8000';

Future<void> main() async {
  WidgetsFlutterBinding.ensureInitialized();
  final preferences = await SharedPreferences.getInstance();
  runApp(CctvApp(preferences: preferences));
}

class CctvApp extends StatefulWidget {
  const CctvApp({super.key, required this.preferences});

  final SharedPreferences preferences;

  @override
  State<CctvApp> createState() => _CctvAppState();
}

class _CctvAppState extends State<CctvApp> {
  late String? _server = widget.preferences.getString(_serverKey);

  Future<void> _remember(String server) async {
    await widget.preferences.setString(_serverKey, server);
    setState(() => _server = server);
  }

  @override
  Widget build(BuildContext context) {
    final server = _server;
    return MaterialApp(
      title: 'CCTV',
      theme: ThemeData(colorSchemeSeed: Colors.indigo),
      darkTheme: ThemeData(colorSchemeSeed: Colors.indigo, brightness: Brightness.dark),
      home: server == null
          ? ServerPage(server: _firstServer, onServer: _remember)
          : HomePage(key: ValueKey(server), server: server, onServer: _remember),
    );
  }
}

/// Asks for the server's address.
class ServerPage extends StatefulWidget {
  const ServerPage({super.key, required this.server, required this.onServer});

  final String server;
  final Future<void> Function(String server) onServer;

  @override
  State<ServerPage> createState() => _ServerPageState();
}

class _ServerPageState extends State<ServerPage> {
  late final TextEditingController _text = TextEditingController(text: widget.server);
  String? _problem;

  @override
  void dispose() {
    _text.dispose();
    super.dispose();
  }

  Future<void> _connect() async {
    final server = Uri.tryParse(_text.text.trim());
    if (server == null || !server.isScheme('http') && !server.isScheme('https') || server.host.isEmpty) {
      setState(() => _problem = 'Write it as $_firstServer');
      return;
    }
    try {
      await CctvApi(server).cameras();
    } catch (error) {
      if (mounted) {
        setState(() => _problem = '$error');
      }
      return;
    }
    await widget.onServer(server.toString());
    if (mounted && Navigator.of(context).canPop()) {
      Navigator.of(context).pop();
    }
  }

  @override
  Widget build(BuildContext context) {
    return Scaffold(
      appBar: AppBar(title: const Text('Server')),
      body: ListView(
        padding: const EdgeInsets.all(16),
        children: [
          TextField(
            controller: _text,
            keyboardType: TextInputType.url,
            autocorrect: false,
            decoration: InputDecoration(labelText: 'Address of the server', errorText: _problem, errorMaxLines: 5),
            onSubmitted: (_) => _connect(),
          ),
          const SizedBox(height: 16),
          FilledButton(onPressed: _connect, child: const Text('Connect')),
        ],
      ),
    );
  }
}

class HomePage extends StatefulWidget {
  const HomePage({super.key, required this.server, required this.onServer});

  final String server;
  final Future<void> Function(String server) onServer;

  @override
  State<HomePage> createState() => _HomePageState();
}

class _HomePageState extends State<HomePage> {
  late final CctvApi _api = CctvApi(Uri.parse(widget.server));
  int _shown = 0;

  void _changeServer() {
    Navigator.of(context).push(
      MaterialPageRoute<void>(
        builder: (context) => ServerPage(server: widget.server, onServer: widget.onServer),
      ),
    );
  }

  @override
  Widget build(BuildContext context) {
    return Scaffold(
      appBar: AppBar(
        title: Text(_shown == 0 ? 'Cameras' : 'Health'),
        actions: [IconButton(onPressed: _changeServer, icon: const Icon(Icons.dns), tooltip: 'Server')],
      ),
      body: _shown == 0 ? CameraList(api: _api) : HealthList(api: _api),
      bottomNavigationBar: NavigationBar(
        selectedIndex: _shown,
        onDestinationSelected: (index) => setState(() => _shown = index),
        destinations: const [
          NavigationDestination(icon: Icon(Icons.videocam), label: 'Cameras'),
          NavigationDestination(icon: Icon(Icons.monitor_heart), label: 'Health'),
        ],
      ),
    );
  }
}

class CameraList extends StatelessWidget {
  const CameraList({super.key, required this.api});

  final CctvApi api;

  @override
  Widget build(BuildContext context) {
    return Loaded<List<Camera>>(
      load: api.cameras,
      builder: (context, cameras) => ListView(
        physics: const AlwaysScrollableScrollPhysics(),
        children: [for (final camera in cameras) CameraTile(api: api, camera: camera)],
      ),
    );
  }
}

class CameraTile extends StatelessWidget {
  const CameraTile({super.key, required this.api, required this.camera});

  final CctvApi api;
  final Camera camera;

  @override
  Widget build(BuildContext context) {
    final bitRate = camera.bitRate;
    final figures = [
      camera.state,
      if (camera.codec != null) camera.codec,
      if (bitRate != null) '${(bitRate / 1e6).toStringAsFixed(1)} Mb/s',
      'today ${duration(camera.recordedTodaySeconds)}',
    ].join(' · ');
    return ListTile(
      leading: Icon(
        camera.isRunning ? Icons.videocam : Icons.videocam_off,
        color: camera.isRunning ? Colors.green : Theme.of(context).colorScheme.error,
      ),
      title: Text(camera.name),
      subtitle: Text('$figures\n${camera.reason}'),
      isThreeLine: true,
      onTap: () => open(context, PlayerPage(api: api, title: camera.name, path: camera.liveUrl)),
      trailing: IconButton(
        icon: const Icon(Icons.history),
        tooltip: 'Recordings',
        onPressed: () => open(context, RecordingsPage(api: api, camera: camera)),
      ),
    );
  }
}

/// Plays a live stream or the recordings of an hour.
class PlayerPage extends StatefulWidget {
  const PlayerPage({super.key, required this.api, required this.title, required this.path});

  final CctvApi api;
  final String title;
  final String path;

  @override
  State<PlayerPage> createState() => _PlayerPageState();
}

class _PlayerPageState extends State<PlayerPage> {
  VideoPlayerController? _controller;
  String? _problem;

  @override
  void initState() {
    super.initState();
    _play();
  }

  @override
  void dispose() {
    _controller?.dispose();
    super.dispose();
  }

  Future<void> _play() async {
    final controller = VideoPlayerController.networkUrl(widget.api.url(widget.path));
    final before = _controller;
    setState(() {
      _controller = controller;
      _problem = null;
    });
    await before?.dispose();
    try {
      await widget.api.checkPlaylist(widget.path); // the server's reason is better than the player's
      await controller.initialize();
      controller.addListener(_watch);
      await controller.play();
    } catch (error) {
      _show('$error');
    }
    if (mounted) {
      setState(() {});
    }
  }

  void _watch() {
    final value = _controller?.value;
    if (value != null && value.hasError) {
      _show(value.errorDescription ?? 'The stream ended');
    }
  }

  void _show(String problem) {
    if (mounted) {
      setState(() => _problem = problem);
    }
  }

  @override
  Widget build(BuildContext context) {
    final controller = _controller;
    final problem = _problem;
    return Scaffold(
      appBar: AppBar(title: Text(widget.title)),
      backgroundColor: Colors.black,
      body: Center(
        child: problem != null
            ? Problem(text: problem, onRetry: _play, color: Colors.white)
            : controller != null && controller.value.isInitialized
                ? Column(
                    mainAxisAlignment: MainAxisAlignment.center,
                    children: [
                      Flexible(
                        child: AspectRatio(
                          aspectRatio: controller.value.aspectRatio,
                          child: VideoPlayer(controller),
                        ),
                      ),
                      VideoProgressIndicator(controller, allowScrubbing: true),
                    ],
                  )
                : const CircularProgressIndicator(),
      ),
    );
  }
}

/// The days of a camera with their hours and gaps, page by page.
class RecordingsPage extends StatefulWidget {
  const RecordingsPage({super.key, required this.api, required this.camera});

  final CctvApi api;
  final Camera camera;

  @override
  State<RecordingsPage> createState() => _RecordingsPageState();
}

class _RecordingsPageState extends State<RecordingsPage> {
  late String? _next = '/recordings/${widget.camera.id}?limit=7';
  final List<Day> _days = [];
  bool _loading = false;
  String? _problem;

  @override
  void initState() {
    super.initState();
    _more();
  }

  Future<void> _more() async {
    final next = _next;
    if (next == null || _loading) {
      return;
    }
    setState(() {
      _loading = true;
      _problem = null;
    });
    try {
      final page = await widget.api.recordings(next);
      _days.addAll(page.days);
      _next = page.nextUrl;
    } catch (error) {
      _problem = '$error';
    }
    if (mounted) {
      setState(() => _loading = false);
    }
  }

  @override
  Widget build(BuildContext context) {
    final problem = _problem;
    return Scaffold(
      appBar: AppBar(title: Text(widget.camera.name)),
      body: ListView(
        children: [
          for (final day in _days) DayTile(api: widget.api, day: day),
          if (problem != null) Problem(text: problem, onRetry: _more),
          if (_loading) const Padding(padding: EdgeInsets.all(16), child: Center(child: CircularProgressIndicator())),
          if (!_loading && problem == null && _next != null)
            TextButton(onPressed: _more, child: const Text('Earlier days')),
          if (!_loading && problem == null && _days.isEmpty) const ListTile(title: Text('Nothing is recorded yet')),
        ],
      ),
    );
  }
}

class DayTile extends StatelessWidget {
  const DayTile({super.key, required this.api, required this.day});

  final CctvApi api;
  final Day day;

  @override
  Widget build(BuildContext context) {
    return ExpansionTile(
      key: PageStorageKey(day.date),
      title: Text(day.date),
      subtitle: Text('${duration(day.seconds)} recorded, ${duration(day.missingSeconds)} missing, ${size(day.bytes)}'),
      children: [
        for (final hour in day.hours)
          ListTile(
            leading: const Icon(Icons.play_arrow),
            title: Text('${clock(hour.startsAt)} – ${clock(hour.endsAt)}'),
            subtitle: Text('${duration(hour.seconds)}, ${size(hour.bytes)}'),
            onTap: () => open(
              context,
              PlayerPage(api: api, title: '${day.date} ${clock(hour.startsAt)}', path: hour.playlistUrl),
            ),
          ),
        for (final gap in day.gaps)
          ListTile(
            leading: const Icon(Icons.warning_amber),
            title: Text('${clock(gap.start)}: ${duration(gap.seconds)} missing, ${gap.cause}'),
            subtitle: gap.detail.isEmpty ? null : Text(gap.detail),
          ),
      ],
    );
  }
}

class HealthList extends StatelessWidget {
  const HealthList({super.key, required this.api});

  final CctvApi api;

  @override
  Widget build(BuildContext context) {
    return Loaded<Health>(
      load: api.health,
      builder: (context, health) => ListView(
        physics: const AlwaysScrollableScrollPhysics(),
        children: [
          ListTile(leading: severityIcon(context, health.status), title: Text('The system is ${health.status}')),
          const Divider(),
          for (final finding in health.findings)
            ListTile(
              leading: severityIcon(context, finding.severity),
              title: Text([finding.name, if (finding.camera != null) finding.camera].join(' · ')),
              subtitle: Text(finding.sentence),
            ),
        ],
      ),
    );
  }
}

/// Shows what `load` returns; pulling down loads it again.
class Loaded<T> extends StatefulWidget {
  const Loaded({super.key, required this.load, required this.builder});

  final Future<T> Function() load;
  final Widget Function(BuildContext context, T value) builder;

  @override
  State<Loaded<T>> createState() => _LoadedState<T>();
}

class _LoadedState<T> extends State<Loaded<T>> {
  late Future<T> _future = widget.load();

  Future<void> _again() async {
    final next = widget.load();
    setState(() => _future = next);
    try {
      await next;
    } catch (_) {
      // shown by the builder below
    }
  }

  @override
  Widget build(BuildContext context) {
    return FutureBuilder<T>(
      future: _future,
      builder: (context, snapshot) {
        final value = snapshot.data;
        if (snapshot.hasError) {
          return Center(child: Problem(text: '${snapshot.error}', onRetry: _again));
        }
        if (value == null) {
          return const Center(child: CircularProgressIndicator());
        }
        return RefreshIndicator(onRefresh: _again, child: widget.builder(context, value));
      },
    );
  }
}

class Problem extends StatelessWidget {
  const Problem({super.key, required this.text, required this.onRetry, this.color});

  final String text;
  final VoidCallback onRetry;
  final Color? color;

  @override
  Widget build(BuildContext context) {
    return Padding(
      padding: const EdgeInsets.all(16),
      child: Column(
        mainAxisSize: MainAxisSize.min,
        children: [
          Text(text, textAlign: TextAlign.center, style: TextStyle(color: color)),
          const SizedBox(height: 8),
          OutlinedButton(onPressed: onRetry, child: const Text('Try again')),
        ],
      ),
    );
  }
}

Icon severityIcon(BuildContext context, String severity) {
  switch (severity) {
    case 'ok':
      return const Icon(Icons.check_circle, color: Colors.green);
    case 'warning':
      return const Icon(Icons.warning, color: Colors.orange);
    default:
      return Icon(Icons.error, color: Theme.of(context).colorScheme.error);
  }
}

void open(BuildContext context, Widget page) {
  Navigator.of(context).push(MaterialPageRoute<void>(builder: (context) => page));
}

/// The hour and minute of an ISO 8601 time, in the time zone of the server.
String clock(String time) => time.substring(11, 16);

String duration(double seconds) {
  final whole = seconds.round();
  if (whole < 60) {
    return '$whole s';
  }
  return '${whole ~/ 3600}:${(whole ~/ 60 % 60).toString().padLeft(2, '0')} h';
}

String size(int bytes) {
  return bytes < 1e9 ? '${(bytes / 1e6).toStringAsFixed(0)} MB' : '${(bytes / 1e9).toStringAsFixed(1)} GB';
}
